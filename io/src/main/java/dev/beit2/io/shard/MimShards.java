package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.shard.ShardFile.RowGroup;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

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
 * <p>Opening reads the manifest and the shards' footers. It holds no file open and no data, so many
 * threads may share it; each takes an {@link Epoch} of its own.
 */
public final class MimShards {
  /** For a window's rows, and for the row group that is being read. */
  private static final long WINDOW_BYTES = 256L << 20;

  private final ShardManifest manifest;
  private final List<RowGroup> rowGroups;
  private final int window;

  private MimShards(ShardManifest manifest, List<RowGroup> rowGroups, int window) {
    this.manifest = manifest;
    this.rowGroups = List.copyOf(rowGroups);
    this.window = window;
  }

  /**
   * Opens the shards in a folder.
   *
   * @throws InvalidInputException if there is no manifest, or a shard is missing, unreadable or
   *     another than the manifest describes; it names the file
   */
  public static MimShards open(String directory) {
    ShardManifest manifest = ShardManifest.read(directory);
    ShardFolder folder = new ShardFolder(directory);
    List<RowGroup> rowGroups = new ArrayList<>();
    for (Shard shard : manifest.shards()) {
      rowGroups.addAll(new ShardFile(folder, shard.file()).footer(manifest, shard).rowGroups());
    }
    long largest = rowGroups.stream().mapToLong(RowGroup::bytes).max().orElse(1);
    long window = Math.max(1, WINDOW_BYTES / Math.max(1, largest) - 1);
    return new MimShards(manifest, rowGroups, (int) Math.min(window, Integer.MAX_VALUE));
  }

  /** The same with this many row groups in memory. */
  MimShards withWindow(int rowGroupsInMemory) {
    return new MimShards(manifest, rowGroups, rowGroupsInMemory);
  }

  public ShardManifest manifest() {
    return manifest;
  }

  /** The number of examples, which is the length of an epoch. */
  public long examples() {
    return manifest.rows();
  }

  /** All examples in an order that is a pure function of (seed, epoch) and of the shards. */
  public Epoch epoch(long seed, long epoch) {
    return new Epoch(seed, epoch);
  }

  /**
   * A permutation of the examples: row groups in random order, taken in windows of several, whose
   * rows are in random order. Ask for positions in ascending order: a window, up to 256 MB, is in
   * memory and stays there until a position outside it is asked for. To start anywhere, nothing
   * before it is read.
   *
   * <p>Not thread-safe.
   */
  public final class Epoch {
    private final long seed;
    private final long epoch;
    private final int[] groupOrder;
    private final long[] windowStarts; // positions; one more than there are windows

    private int loaded = -1;
    private List<MimExample> rows = List.of();
    private int[] rowOrder = {};

    private Epoch(long seed, long epoch) {
      this.seed = seed;
      this.epoch = epoch;
      this.groupOrder = SeededRandom.of(seed, "row groups", epoch).permutation(rowGroups.size());
      int windows = (int) (((long) groupOrder.length + window - 1) / window);
      this.windowStarts = new long[windows + 1];
      for (int i = 0; i < windows; i++) {
        long length = groups(i).stream().mapToLong(RowGroup::rows).sum();
        windowStarts[i + 1] = windowStarts[i] + length;
      }
    }

    /**
     * The example at a position of the epoch.
     *
     * @param position in [0, {@link MimShards#examples})
     * @throws InvalidInputException if its shard went missing or is broken; it names the file
     */
    public MimExample get(long position) {
      if (position < 0 || position >= examples()) {
        throw new IndexOutOfBoundsException(
            "position " + position + " of an epoch of " + examples());
      }
      int found = Arrays.binarySearch(windowStarts, position);
      int index = found >= 0 ? found : -found - 2;
      if (index != loaded) {
        load(index);
      }
      return rows.get(rowOrder[Math.toIntExact(position - windowStarts[index])]);
    }

    private List<RowGroup> groups(int index) {
      int start = index * window;
      int end = (int) Math.min(groupOrder.length, (long) start + window);
      return Arrays.stream(groupOrder, start, end).mapToObj(rowGroups::get).toList();
    }

    private void load(int index) {
      rows = List.of(); // so that two windows are never in memory
      loaded = -1;
      List<MimExample> read = new ArrayList<>();
      for (RowGroup group : groups(index)) {
        read.addAll(group.read());
      }
      rows = read;
      rowOrder = SeededRandom.of(seed, "rows", epoch, index).permutation(read.size());
      loaded = index;
    }
  }
}
