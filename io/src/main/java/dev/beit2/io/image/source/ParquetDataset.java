package dev.beit2.io.image.source;

import dev.beit2.io.ReadAhead;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ParquetReader.RowGroup;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.annotation.Nullable;

/**
 * Images in row groups, each of which is read as a whole. An epoch takes the row groups in random
 * order, several to a window, and the rows of a window in random order.
 */
final class ParquetDataset extends ImageDataset {
  /**
   * The bytes of a window's images. Two windows are in memory when one epoch ends and the next
   * begins.
   */
  private static final long WINDOW_BYTES = 128L << 20;

  private final ParquetReader reader;
  private final List<RowGroup> rowGroups;
  private final long windowBytes;

  private ParquetDataset(
      ParquetReader reader,
      FormatReader.Listing listing,
      List<RowGroup> rowGroups,
      long windowBytes) {
    super(listing.classes(), listing.rejected(), listing.note());
    this.reader = reader;
    this.rowGroups = rowGroups.stream().filter(group -> group.rows() > 0).toList();
    this.windowBytes = windowBytes;
  }

  static ParquetDataset of(ImageSource source) throws IOException {
    return of(source, WINDOW_BYTES);
  }

  static ParquetDataset of(ImageSource source, long windowBytes) throws IOException {
    ParquetReader reader = new ParquetReader(source);
    ParquetReader.Contents contents = reader.contents();
    return new ParquetDataset(reader, contents.listing(), contents.rowGroups(), windowBytes);
  }

  @Override
  public long size() {
    return rowGroups.stream().mapToLong(RowGroup::rows).sum();
  }

  /** One after the other: reading out of order would load windows again. */
  @Override
  int mostAtOnce() {
    return 1;
  }

  @Override
  public Epoch epoch(long seed, long epoch) {
    return new Windows(seed, epoch);
  }

  private final class Windows implements Epoch {
    private final long seed;
    private final long epoch;
    private final List<List<RowGroup>> windows = new ArrayList<>();
    private final long[] starts; // positions; one more than there are windows

    // Fetches the row groups from the window nextWindow on.
    @Nullable private ReadAhead<RowGroup, ParquetReader.Fetched> ahead;
    private int nextWindow;

    private int loaded = -1;
    private List<ImageRecord> rows = List.of();
    private int[] rowOrder = {};

    Windows(long seed, long epoch) {
      this.seed = seed;
      this.epoch = epoch;
      long room = 0;
      for (int i : SeededRandom.of(seed, "row groups", epoch).permutation(rowGroups.size())) {
        RowGroup group = rowGroups.get(i);
        if (windows.isEmpty() || room < group.bytes()) {
          windows.add(new ArrayList<>());
          room = windowBytes;
        }
        windows.get(windows.size() - 1).add(group);
        room -= group.bytes();
      }
      starts = new long[windows.size() + 1];
      for (int i = 0; i < windows.size(); i++) {
        starts[i + 1] = starts[i] + windows.get(i).stream().mapToLong(RowGroup::rows).sum();
      }
    }

    @Override
    public synchronized ImageRecord read(long position) throws IOException {
      if (position < 0 || position >= starts[windows.size()]) {
        throw new IndexOutOfBoundsException(
            "position " + position + " of " + starts[windows.size()]);
      }
      int found = Arrays.binarySearch(starts, position);
      int window = found >= 0 ? found : -found - 2;
      if (window != loaded) {
        load(window);
      }
      return rows.get(rowOrder[(int) (position - starts[window])]);
    }

    /** The bytes of the next row group are fetched while the images of one are used. */
    private ReadAhead<RowGroup, ParquetReader.Fetched> readAhead(int window) {
      return new ReadAhead<>(
          windows.subList(window, windows.size()).stream().flatMap(List::stream).iterator(),
          1,
          RowGroup::bytes,
          Long.MAX_VALUE,
          group -> reader.fetch(group.partition()));
    }

    @Override
    public long bytes(long position) {
      return 0;
    }

    private void load(int window) throws IOException {
      rows = List.of(); // so that two windows are never in memory
      loaded = -1;
      if (ahead == null || nextWindow != window) {
        ahead = readAhead(window);
      }
      nextWindow = window + 1;
      List<ImageRecord> read = new ArrayList<>();
      try {
        for (RowGroup group : windows.get(window)) {
          read.addAll(readAll(group, ahead.next()));
        }
      } catch (IOException | RuntimeException e) {
        ahead = null; // it is tried again from the beginning of the window
        throw e;
      }
      rows = read;
      rowOrder = SeededRandom.of(seed, "rows", epoch, window).permutation(read.size());
      loaded = window;
    }
  }

  /** One for each row of the row group, in their order. */
  private List<ImageRecord> readAll(RowGroup group, ParquetReader.Fetched fetched)
      throws IOException {
    List<ImageRecord> images = new ArrayList<>();
    ImageSink rows =
        new ImageSink() {
          @Override
          public void image(
              String key, @Nullable Integer label, long offset, int length, byte[] bytes) {
            images.add(new ImageRecord(key, label, bytes));
          }

          @Override
          public void rejected(RejectedImage rejected) {
            images.add(rejectedRecord(rejected));
          }
        };
    reader.scan(group.partition(), fetched, rows);
    while (images.size() < group.rows()) { // of one that breaks off
      images.add(
          images.isEmpty()
              ? rejectedRecord(new RejectedImage(group.partition().name(), "an empty row group"))
              : images.get(images.size() - 1));
    }
    return images.subList(0, Math.toIntExact(group.rows()));
  }
}
