package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.io.image.RejectedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.annotation.Nullable;

/** The positions of a partition's images, in about 60 bytes per image. */
final class PartitionIndex {
  private static final int NO_LABEL = -1;

  private final List<RejectedImage> rejected;
  private final long[] offsets;
  private final int[] lengths;
  private final int[] labels;
  private final byte[] keys; // UTF-8, one after the other
  private final int[] keyEnds;

  private PartitionIndex(Builder built) {
    this.rejected = List.copyOf(built.rejected);
    this.offsets = Arrays.copyOf(built.offsets, built.size);
    this.lengths = Arrays.copyOf(built.lengths, built.size);
    this.labels = Arrays.copyOf(built.labels, built.size);
    this.keys = built.keys.toByteArray();
    this.keyEnds = Arrays.copyOf(built.keyEnds, built.size);
  }

  static PartitionIndex of(FormatReader reader, SourcePartition partition) throws IOException {
    Builder builder = new Builder();
    reader.scanIfReadable(partition, /* withBytes= */ false, builder);
    return new PartitionIndex(builder);
  }

  void writeTo(ImageIndex.Writer index, int partition) throws IOException {
    for (int i = 0; i < offsets.length; i++) {
      int start = i == 0 ? 0 : keyEnds[i - 1];
      String key = new String(keys, start, keyEnds[i] - start, UTF_8);
      Integer label = labels[i] == NO_LABEL ? null : (Integer) labels[i];
      index.add(key, label, partition, offsets[i], lengths[i]);
    }
  }

  List<RejectedImage> rejected() {
    return rejected;
  }

  private static final class Builder implements ImageSink {
    private final List<RejectedImage> rejected = new ArrayList<>();
    private final ByteArrayOutputStream keys = new ByteArrayOutputStream();
    private int size;
    private long[] offsets = new long[16];
    private int[] lengths = new int[16];
    private int[] labels = new int[16];
    private int[] keyEnds = new int[16];

    @Override
    public void image(
        String key, @Nullable Integer label, long offset, int length, @Nullable byte[] bytes) {
      if (size == offsets.length) {
        grow(size + (size >> 1));
      }
      offsets[size] = offset;
      lengths[size] = length;
      labels[size] = label == null ? NO_LABEL : label;
      keys.writeBytes(key.getBytes(UTF_8));
      keyEnds[size++] = keys.size();
    }

    private void grow(int capacity) {
      offsets = Arrays.copyOf(offsets, capacity);
      lengths = Arrays.copyOf(lengths, capacity);
      labels = Arrays.copyOf(labels, capacity);
      keyEnds = Arrays.copyOf(keyEnds, capacity);
    }

    @Override
    public void rejected(RejectedImage image) {
      rejected.add(image);
    }
  }
}
