package dev.beit2.io.image;

import java.util.Arrays;

/**
 * Pillow's resampling of 8-bit pictures (libImaging/Resample.c), equal to the byte: two passes,
 * horizontal first, weights in 22-bit fixed point, 8 bits between the passes. Going down, the
 * filter is widened by the scale (antialiasing).
 */
final class BicubicResize {
  private static final double A = -0.5;
  private static final double SUPPORT = 2.0;
  private static final int PRECISION = 22;
  private static final int HALF = 1 << (PRECISION - 1);

  private BicubicResize() {}

  /** The box must lie within the picture. */
  static RgbImage resize(
      RgbImage image, int left, int top, int width, int height, int outputWidth, int outputHeight) {
    if (outputWidth < 1 || outputHeight < 1) {
      throw new IllegalArgumentException("output is " + outputWidth + "x" + outputHeight);
    }
    Taps columns = Taps.of(image.width(), left, width, outputWidth);
    Taps rows = Taps.of(image.height(), top, height, outputHeight);
    int firstRow = rows.first[0];
    int endRow = rows.first[outputHeight - 1] + rows.count[outputHeight - 1];
    int[] narrowed = horizontal(image, columns, firstRow, endRow - firstRow);
    return new RgbImage(outputWidth, outputHeight, vertical(narrowed, rows, 3 * outputWidth));
  }

  /**
   * Only the rows that the vertical pass needs: [rows, output width, 3]. Bytes as ints, which the
   * compiler turns into vector instructions in the vertical pass, as it does not with bytes.
   */
  private static int[] horizontal(RgbImage image, Taps taps, int firstRow, int rows) {
    int[] out = new int[3 * rows * taps.first.length];
    for (int y = 0; y < rows; y++) {
      int row = 3 * (firstRow + y) * image.width();
      resizeRow(image.rgb(), row, taps.first, taps.count, taps.weights, taps.size, out, y);
    }
    return out;
  }

  private static void resizeRow(
      byte[] in, int row, int[] first, int[] count, int[] weights, int size, int[] out, int y) {
    int to = 3 * y * first.length;
    for (int x = 0; x < first.length; x++) {
      int from = row + 3 * first[x];
      int tap = x * size;
      int endTap = tap + count[x];
      int r = HALF;
      int g = HALF;
      int b = HALF;
      for (; tap < endTap; tap++, from += 3) {
        int weight = weights[tap];
        r += weight * (in[from] & 0xFF);
        g += weight * (in[from + 1] & 0xFF);
        b += weight * (in[from + 2] & 0xFF);
      }
      out[to] = clip(r);
      out[to + 1] = clip(g);
      out[to + 2] = clip(b);
      to += 3;
    }
  }

  private static byte[] vertical(int[] in, Taps taps, int rowLength) {
    int outputHeight = taps.first.length;
    byte[] out = new byte[outputHeight * rowLength];
    int[] sums = new int[rowLength];
    for (int y = 0; y < outputHeight; y++) {
      Arrays.fill(sums, HALF);
      int row = (taps.first[y] - taps.first[0]) * rowLength;
      for (int tap = y * taps.size; tap < y * taps.size + taps.count[y]; tap++) {
        addRow(sums, in, row, taps.weights[tap]);
        row += rowLength;
      }
      for (int i = 0; i < rowLength; i++) {
        out[y * rowLength + i] = (byte) clip(sums[i]);
      }
    }
    return out;
  }

  private static void addRow(int[] sums, int[] in, int row, int weight) {
    for (int i = 0; i < sums.length; i++) {
      sums[i] += weight * in[row + i];
    }
  }

  private static int clip(int sum) {
    return Math.max(0, Math.min(255, sum >> PRECISION));
  }

  /**
   * What each output position takes from the input: {@code count[i]} positions from {@code
   * first[i]} on, with the weights from {@code i * size} on.
   */
  private static final class Taps {
    final int[] first;
    final int[] count;
    final int[] weights;
    final int size;

    private Taps(int outputSize, int size) {
      this.first = new int[outputSize];
      this.count = new int[outputSize];
      this.weights = new int[outputSize * size];
      this.size = size;
    }

    static Taps of(int inputSize, int start, int length, int outputSize) {
      double scale = (double) length / outputSize;
      double filterScale = Math.max(scale, 1.0);
      double support = SUPPORT * filterScale;
      Taps taps = new Taps(outputSize, (int) Math.ceil(support) * 2 + 1);
      double[] weights = new double[taps.size];
      for (int i = 0; i < outputSize; i++) {
        double center = start + (i + 0.5) * scale;
        int first = Math.max(0, (int) (center - support + 0.5));
        int count = Math.min(inputSize, (int) (center + support + 0.5)) - first;
        double sum = 0;
        for (int k = 0; k < count; k++) {
          weights[k] = filter((k + first - center + 0.5) * (1.0 / filterScale));
          sum += weights[k];
        }
        for (int k = 0; k < count; k++) {
          taps.weights[i * taps.size + k] = fixedPoint(sum == 0 ? weights[k] : weights[k] / sum);
        }
        taps.first[i] = first;
        taps.count[i] = count;
      }
      return taps;
    }

    private static double filter(double x) {
      x = Math.abs(x);
      if (x < 1) {
        return ((A + 2) * x - (A + 3)) * x * x + 1;
      }
      return x < 2 ? (((x - 5) * x + 8) * x - 4) * A : 0;
    }

    private static int fixedPoint(double weight) {
      return (int) ((weight < 0 ? -0.5 : 0.5) + weight * (1 << PRECISION));
    }
  }
}
