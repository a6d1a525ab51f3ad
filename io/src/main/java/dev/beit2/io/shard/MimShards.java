package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.ReadAhead;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.shard.ShardFile.Fetched;
import dev.beit2.io.shard.ShardManifest.RowGroup;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import javax.annotation.Nullable;

/**
 * Reads shards for training, shuffled anew for each epoch.
 *
 * <pre>{@code
 * MimShards shards = MimShards.open("gs://bucket/shards");
 * MimShards.Epoch epoch = shards.epoch(seed, 3);
 * for (long position = start; position < shards.examples(); position++) {
 *   MimExample example = epoch.get(position);
 * }
 * }</pre>
 *
 * <p>Opening reads the manifest. Only where that lists no row groups, as in schema version 1, it
 * reads the shards' footers as well. It keeps no file open and holds no data, so many threads may
 * share it; each needs its own {@link Epoch}. That a shard is the one that the manifest describes
 * is checked whenever one of its row groups is read.
 */
public final class MimShards {
  /** The rows of a window, and the row group that is being read. */
  private static final long WINDOW_BYTES = 256L << 20;

  private final ShardFolder folder;
  private final ShardManifest manifest;
  private final List<List<RowGroup>> rowGroups; // of each shard
  private final int[] firstGroups; // number of each shard's first row group; one more than shards
  private final int window;
  // The corrupt shards by file; null if the first one is to end the read.
  @Nullable private final Map<String, RejectedImage> corrupt;

  private MimShards(
      ShardFolder folder,
      ShardManifest manifest,
      List<List<RowGroup>> rowGroups,
      int window,
      @Nullable Map<String, RejectedImage> corrupt) {
    this.folder = folder;
    this.manifest = manifest;
    this.rowGroups = rowGroups;
    this.window = window;
    this.corrupt = corrupt;
    this.firstGroups = new int[rowGroups.size() + 1];
    for (int i = 0; i < rowGroups.size(); i++) {
      firstGroups[i + 1] = Math.addExact(firstGroups[i], rowGroups.get(i).size());
    }
  }

  /**
   * Opens the shards in a folder.
   *
   * @throws InvalidInputException if there is no manifest, or it lists no row groups and a shard is
   *     missing, unreadable or not the one that the manifest describes; the message names the file
   */
  public static MimShards open(String directory) {
    return open(directory, null);
  }

  /**
   * Opens the shards in a folder, some of which may be corrupt. Rows that cannot be read keep their
   * positions in each epoch's order, but have no example; the readable rows of a corrupt shard are
   * used. Where the manifest lists no row groups, a shard that cannot be opened counts as one. If
   * it had more, the order differs from that of the intact set, but is the same each time.
   *
   * @throws InvalidInputException if there is no manifest, or it lists no row groups and no shard
   *     can be opened; the message names one
   */
  public static MimShards openSkippingCorrupt(String directory) {
    return open(directory, new ConcurrentSkipListMap<>());
  }

  private static MimShards open(String directory, @Nullable Map<String, RejectedImage> corrupt) {
    ShardManifest manifest = ShardManifest.read(directory);
    ShardFolder folder = new ShardFolder(directory);
    List<List<RowGroup>> rowGroups = rowGroups(folder, manifest, corrupt);
    long largest =
        rowGroups.stream().flatMap(List::stream).mapToLong(RowGroup::unpackedBytes).max().orElse(1);
    long window = Math.max(1, WINDOW_BYTES / Math.max(1, largest) - 1);
    return new MimShards(
        folder, manifest, rowGroups, (int) Math.min(window, Integer.MAX_VALUE), corrupt);
  }

  private static List<List<RowGroup>> rowGroups(
      ShardFolder folder, ShardManifest manifest, @Nullable Map<String, RejectedImage> corrupt) {
    if (manifest.listsRowGroups()) {
      return manifest.shards().stream().map(Shard::rowGroups).toList();
    }
    List<ShardFile.Footer> footers = ShardFile.footers(folder, manifest, shard -> {});
    List<List<RowGroup>> rowGroups = new ArrayList<>(footers.size());
    for (ShardFile.Footer footer : footers) {
      if (footer.failure() == null) {
        rowGroups.add(footer.rowGroups());
        continue;
      }
      if (corrupt == null || corrupt.size() == footers.size() - 1) {
        throw footer.failure();
      }
      String file = footer.shard().file();
      corrupt.put(file, new RejectedImage(file, footer.shard().reason(footer.failure())));
      rowGroups.add(List.of(RowGroup.lost(footer.shard().listed().rows())));
    }
    return rowGroups;
  }

  /** Opens the shards and keeps this many row groups in memory. */
  MimShards withWindow(int rowGroupsInMemory) {
    return new MimShards(folder, manifest, rowGroups, rowGroupsInMemory, corrupt);
  }

  /**
   * The corrupt shards found so far: the file name and the first reason of each. Empty unless
   * opened with {@link #openSkippingCorrupt}.
   */
  public List<RejectedImage> corrupt() {
    return corrupt == null ? List.of() : List.copyOf(corrupt.values());
  }

  public ShardManifest manifest() {
    return manifest;
  }

  /** The number of examples, which is the length of an epoch. */
  public long examples() {
    return manifest.rows();
  }

  private int shardOf(int group) {
    // An empty shard has the same number as the next one.
    int found = Arrays.binarySearch(firstGroups, group);
    int shard = found >= 0 ? found : -found - 2;
    while (firstGroups[shard + 1] == group) {
      shard++;
    }
    return shard;
  }

  private ShardFile shard(int group) {
    return new ShardFile(folder, manifest.shards().get(shardOf(group)));
  }

  private RowGroup group(int number) {
    int shard = shardOf(number);
    return rowGroups.get(shard).get(number - firstGroups[shard]);
  }

  /** Null if it is lost. */
  @Nullable
  private Fetched fetch(int number) {
    RowGroup group = group(number);
    return group.isLost() ? null : shard(number).open(manifest.metadata()).fetch(group);
  }

  private static Fetched next(ReadAhead<Integer, Fetched> fetched) {
    try {
      return fetched.next();
    } catch (IOException e) {
      throw new IllegalStateException("a shard throws only what names it", e);
    }
  }

  /** All examples in an order that is a pure function of (seed, epoch) and of the shards. */
  public Epoch epoch(long seed, long epoch) {
    return new Epoch(seed, epoch);
  }

  /**
   * A permutation of the examples: row groups in random order, several to a window, and the rows of
   * a window in random order. Read positions in ascending order: a window, up to 256 MB, stays in
   * memory until a position outside it is read, and the bytes of the row group after it, which are
   * fetched meanwhile. Starting at any position reads nothing before its window.
   *
   * <p>Not thread-safe.
   */
  public final class Epoch {
    private final long seed;
    private final long epoch;
    private final RowCheck rowCheck = RowCheck.of(manifest.metadata());
    private final int[] groupOrder;
    private final long[] windowStarts; // positions; one more than there are windows

    // The offsets without an example, for each loaded window that has any.
    private final Map<Integer, BitSet> lost = new HashMap<>();

    // Fetches row groups from the one with the number nextGroup in groupOrder on.
    @Nullable private ReadAhead<Integer, Fetched> ahead;
    private int nextGroup;

    private int loaded = -1;
    private List<MimExample> rows = List.of();
    private int[] rowOrder = {};

    private Epoch(long seed, long epoch) {
      this.seed = seed;
      this.epoch = epoch;
      this.groupOrder =
          SeededRandom.of(seed, "row groups", epoch).permutation(firstGroups[rowGroups.size()]);
      int windows = (int) (((long) groupOrder.length + window - 1) / window);
      this.windowStarts = new long[windows + 1];
      for (int i = 0; i < windows; i++) {
        windowStarts[i + 1] = windowStarts[i];
        for (int j = windowStart(i); j < windowStart(i + 1); j++) {
          windowStarts[i + 1] += group(groupOrder[j]).rows();
        }
      }
    }

    /**
     * The example at a position of the epoch.
     *
     * @param position in [0, {@link MimShards#examples})
     * @throws InvalidInputException if its shard is missing or corrupt; the message names the file
     */
    public MimExample get(long position) {
      return find(position)
          .orElseThrow(
              () ->
                  new InvalidInputException(
                      "position " + position + " in a corrupt shard, of " + corrupt(),
                      "one that can be read"));
    }

    /**
     * The example at a position of the epoch; empty if it is in a corrupt shard and those are
     * skipped.
     *
     * @param position in [0, {@link MimShards#examples})
     * @throws InvalidInputException as {@link #get}, if corrupt shards are not skipped
     */
    public Optional<MimExample> find(long position) {
      if (position < 0 || position >= examples()) {
        throw new IndexOutOfBoundsException(
            "position " + position + " of an epoch of " + examples());
      }
      int found = Arrays.binarySearch(windowStarts, position);
      int index = found >= 0 ? found : -found - 2;
      int offset = Math.toIntExact(position - windowStarts[index]);
      // A search for the next existing example moves back and forth at the end of a window.
      if (lost.containsKey(index) && lost.get(index).get(offset)) {
        return Optional.empty();
      }
      if (index != loaded) {
        load(index);
      }
      return Optional.ofNullable(rows.get(rowOrder[offset]));
    }

    /** Where a window begins in {@link #groupOrder}, or the last one ends. */
    private int windowStart(int index) {
      return (int) Math.min(groupOrder.length, (long) index * window);
    }

    private void load(int index) {
      rows = List.of(); // so that two windows are never in memory
      loaded = -1;
      if (ahead == null || nextGroup != windowStart(index)) {
        nextGroup = windowStart(index);
        ahead = readAhead(nextGroup);
      }
      List<MimExample> read = new ArrayList<>();
      try {
        for (; nextGroup < windowStart(index + 1); nextGroup++) {
          read.addAll(read(groupOrder[nextGroup], ahead));
        }
      } catch (RuntimeException e) {
        ahead = null; // the window is read from its beginning if it is tried again
        throw e;
      }
      rows = read;
      rowOrder = SeededRandom.of(seed, "rows", epoch, index).permutation(read.size());
      loaded = index;
      BitSet missing = new BitSet();
      for (int offset = 0; offset < rowOrder.length; offset++) {
        missing.set(offset, rows.get(rowOrder[offset]) == null);
      }
      if (!missing.isEmpty()) {
        lost.put(index, missing);
      }
    }

    /** The bytes of the next row group are fetched while the rows of one are used. */
    private ReadAhead<Integer, Fetched> readAhead(int first) {
      return new ReadAhead<>(
          Arrays.stream(groupOrder, first, groupOrder.length).iterator(),
          1,
          number -> group(number).bytes(),
          Long.MAX_VALUE,
          MimShards.this::fetch);
    }

    /**
     * The rows of a row group. All are null if it cannot be read and corrupt shards are skipped.
     */
    private List<MimExample> read(int number, ReadAhead<Integer, Fetched> fetched) {
      ShardFile shard = shard(number);
      try {
        Fetched group = next(fetched);
        if (group != null) {
          List<MimExample> read = group.read();
          read.replaceAll(row -> sound(shard, row));
          return read;
        }
      } catch (InvalidInputException e) {
        reject(shard, e);
      }
      return Collections.nCopies(Math.toIntExact(group(number).rows()), null);
    }

    /** The row, or null if it does not fit the manifest and corrupt shards are skipped. */
    @Nullable
    private MimExample sound(ShardFile shard, MimExample row) {
      Optional<String> fault = rowCheck.fault(row);
      fault.ifPresent(what -> reject(shard, shard.misfit(row, what)));
      return fault.isPresent() ? null : row;
    }

    private void reject(ShardFile shard, InvalidInputException e) {
      if (corrupt == null) {
        throw e;
      }
      corrupt.putIfAbsent(shard.file(), new RejectedImage(shard.file(), shard.reason(e)));
    }
  }
}
