package dev.beit2.io.image;

import javax.annotation.Nullable;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.ShortPointer;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * The samples of an image of 16 bits, which become 8 bits.
 *
 * @param image [height, width, 3], continuous
 * @param smallest of all samples
 * @param largest of all samples
 */
record Samples16(Mat image, int smallest, int largest) {
  /** A smaller part of the range in use leaves fewer than 16 of 256 shades. */
  private static final int PARTS = 16;

  /** Samples that are in the heap at once. */
  private static final int PART = 1 << 16;

  static Samples16 of(Mat image) {
    int[] range = {GreyRange.LARGEST, 0};
    forEach(
        image,
        (index, sample) -> {
          range[0] = Math.min(range[0], sample);
          range[1] = Math.max(range[1], sample);
        });
    return new Samples16(image, range[0], range[1]);
  }

  private interface SampleConsumer {
    void accept(int index, int sample);
  }

  /** In small parts: all samples, or a row of them, may be more than the heap has room for. */
  private static void forEach(Mat image, SampleConsumer consumer) {
    long count = image.total() * image.channels();
    short[] part = new short[(int) Math.min(PART, count)];
    try (BytePointer data = image.data();
        ShortPointer samples = new ShortPointer(data)) {
      for (long from = 0; from < count; from += part.length) {
        int size = (int) Math.min(part.length, count - from);
        samples.position(from).get(part, 0, size);
        for (int i = 0; i < size; i++) {
          consumer.accept((int) from + i, part[i] & 0xFFFF);
        }
      }
    }
  }

  /**
   * The range of values that becomes 0 to 255.
   *
   * @param significantBits as the file has them; 0 if it says nothing
   * @param grey what is wanted of grey images; null if nothing is
   */
  GreyRange range(int significantBits, @Nullable GreyRange grey) {
    if (grey != null) {
      return grey.equals(GreyRange.MINMAX) && smallest < largest
          ? new GreyRange(smallest, largest)
          : grey;
    }
    // Of fewer significant bits, as 12 of an X-ray, samples should be the upper ones, but many
    // writers leave them where they are, which would make the image black.
    boolean lower = significantBits > 0 && largest < 1 << significantBits;
    return new GreyRange(0, lower ? (1 << significantBits) - 1 : GreyRange.LARGEST);
  }

  /** Whether the samples are not all equal, but take less than a sixteenth of a range. */
  boolean isFaint(GreyRange range) {
    int used = Math.min(largest, range.max()) - Math.max(smallest, range.min());
    return smallest < largest && PARTS * Math.max(0, used) < range.max() - range.min();
  }

  /**
   * Scales the samples.
   *
   * @param rgb [height, width, 3], filled
   */
  void scale(GreyRange range, byte[] rgb) {
    byte[] scaled = table(range);
    forEach(image, (index, sample) -> rgb[index] = scaled[sample]);
  }

  /** By sample. Each shade stands for an equal part of the range, if there are as many values. */
  private static byte[] table(GreyRange range) {
    byte[] table = new byte[GreyRange.LARGEST + 1];
    int last = range.max() - range.min();
    for (int sample = 0; sample < table.length; sample++) {
      int above = Math.min(Math.max(0, sample - range.min()), last);
      table[sample] =
          (byte) (last < 0xFF ? 0xFF * above / Math.max(1, last) : 256L * above / (last + 1));
    }
    return table;
  }
}
