package dev.beit2.io.image;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Pillow's resampling of 8-bit images (libImaging/Resample.c), equal to the byte: two passes,
 * horizontal first, weights in 22-bit fixed point, 8 bits between the passes. Going down, the
 * filter is widened by the scale (antialiasing).
 *
 * <p>Both passes are the same: lines of pixels are summed with weights. So that the horizontal one
 * sums lines, too, it works on columns of a band of rows. Pixels are ints, red in the low byte:
 * loops over whole int arrays from 0 on, without a call or a branch, are what the compiler turns
 * into vector instructions.
 */
final class BicubicResize {
  private static final double A = -0.5;
  private static final double SUPPORT = 2.0;
  private static final int PRECISION = 22;
  private static final int HALF = 1 << (PRECISION - 1);

  /** Rows whose columns are resized together: few enough to stay in the processor's cache. */
  private static final int BAND = 128;

  /** Scratch memory for inputs of more columns or rows is not kept. */
  private static final int LONGEST_KEPT = 1 << 13;

  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final ThreadLocal<BicubicResize> SCRATCH =
      ThreadLocal.withInitial(BicubicResize::new);

  private int[][] columns = {};
  private int[][] narrowed = {};
  private int[][] lines = {};
  private int[] red = {};
  private int[] green = {};
  private int[] blue = {};
  private int[] pixels = {};

  private BicubicResize() {}

  /**
   * Resizes a part of an image, as if there was nothing around it.
   *
   * @param left the part's first column
   * @param top its first row
   * @param x from the part's columns to those of the output
   * @param y from the part's rows to those of the output
   * @param mirrored whether to exchange left and right afterwards
   */
  static RgbImage resize(RgbImage image, int left, int top, Taps x, Taps y, boolean mirrored) {
    return SCRATCH.get().run(image, left, top, x, y, mirrored);
  }

  private RgbImage run(RgbImage image, int left, int top, Taps x, Taps y, boolean mirrored) {
    allocate(x.inputEnd(), x.outputs(), y.inputEnd() - y.inputStart());
    for (int row = y.inputStart(); row < y.inputEnd(); row += BAND) {
      int rows = Math.min(BAND, y.inputEnd() - row);
      toColumns(image, left, top + row, x.inputStart(), x.inputEnd(), rows, columns);
      for (int i = 0; i < x.outputs(); i++) {
        sum(columns, 0, x, i, rows, narrowed[i]);
      }
      transpose(narrowed, x.outputs(), rows, lines, row - y.inputStart());
    }
    int width = x.outputs();
    byte[] rgb = new byte[3 * width * y.outputs()];
    for (int i = 0; i < y.outputs(); i++) {
      sum(lines, y.inputStart(), y, i, width, pixels);
      if (mirrored) {
        putMirrored(pixels, width, rgb, 3 * width * i);
      } else {
        put(pixels, width, rgb, 3 * width * i);
      }
    }
    if (columns.length > LONGEST_KEPT || lines.length > LONGEST_KEPT) {
      SCRATCH.remove();
    }
    return new RgbImage(width, y.outputs(), rgb);
  }

  private void allocate(int inputWidth, int outputWidth, int rows) {
    if (columns.length < inputWidth) {
      columns = new int[inputWidth][BAND];
    }
    if (narrowed.length < outputWidth) {
      narrowed = new int[outputWidth][BAND];
    }
    if (pixels.length < outputWidth) {
      pixels = new int[outputWidth];
    }
    if (lines.length < rows || lines[0].length < outputWidth) {
      lines = new int[rows][outputWidth];
    }
    int longest = Math.max(BAND, outputWidth);
    if (red.length < longest) {
      red = new int[longest];
      green = new int[longest];
      blue = new int[longest];
    }
  }

  /** Columns [start, end) of the part, of so many rows from {@code top} on. */
  private static void toColumns(
      RgbImage image, int left, int top, int start, int end, int rows, int[][] columns) {
    byte[] rgb = image.rgb();
    int stride = 3 * image.width();
    int y = 0;
    // Four rows at once: fewer visits to each column. Reading an int takes a byte too many, which
    // the image's last row has not.
    for (; y + 4 <= rows && top + y + 4 < image.height(); y += 4) {
      int from = (top + y) * stride + 3 * (left + start);
      for (int x = start; x < end; x++) {
        int[] column = columns[x];
        column[y] = (int) INT.get(rgb, from);
        column[y + 1] = (int) INT.get(rgb, from + stride);
        column[y + 2] = (int) INT.get(rgb, from + 2 * stride);
        column[y + 3] = (int) INT.get(rgb, from + 3 * stride);
        from += 3;
      }
    }
    for (; y < rows; y++) {
      int from = (top + y) * stride + 3 * (left + start);
      for (int x = start; x < end; x++) {
        columns[x][y] =
            rgb[from] & 0xFF | (rgb[from + 1] & 0xFF) << 8 | (rgb[from + 2] & 0xFF) << 16;
        from += 3;
      }
    }
  }

  /** Eight columns at once become a part of each line, from the line {@code first} on. */
  private static void transpose(int[][] columns, int count, int rows, int[][] lines, int first) {
    int x = 0;
    for (; x + 8 <= count; x += 8) {
      int[] c0 = columns[x];
      int[] c1 = columns[x + 1];
      int[] c2 = columns[x + 2];
      int[] c3 = columns[x + 3];
      int[] c4 = columns[x + 4];
      int[] c5 = columns[x + 5];
      int[] c6 = columns[x + 6];
      int[] c7 = columns[x + 7];
      for (int y = 0; y < rows; y++) {
        int[] line = lines[first + y];
        line[x] = c0[y];
        line[x + 1] = c1[y];
        line[x + 2] = c2[y];
        line[x + 3] = c3[y];
        line[x + 4] = c4[y];
        line[x + 5] = c5[y];
        line[x + 6] = c6[y];
        line[x + 7] = c7[y];
      }
    }
    for (; x < count; x++) {
      for (int y = 0; y < rows; y++) {
        lines[first + y][x] = columns[x][y];
      }
    }
  }

  /**
   * One output line: the weighted sum of input lines, rounded and clipped to bytes.
   *
   * @param offset the number of the first line of {@code in}
   */
  private void sum(int[][] in, int offset, Taps taps, int output, int length, int[] out) {
    int line = taps.first(output) - offset;
    int tap = taps.weightsFrom(output);
    int end = tap + taps.count(output);
    int[] weights = taps.weights();
    begin(in[line], weights[tap], length, red, green, blue);
    while (++tap < end) {
      add(in[++line], weights[tap], length, red, green, blue);
    }
    round(red, green, blue, length, out);
  }

  private static void begin(int[] in, int weight, int length, int[] red, int[] green, int[] blue) {
    for (int i = 0; i < length; i++) {
      int pixel = in[i];
      red[i] = HALF + weight * (pixel & 0xFF);
      green[i] = HALF + weight * (pixel >> 8 & 0xFF);
      blue[i] = HALF + weight * (pixel >> 16 & 0xFF);
    }
  }

  private static void add(int[] in, int weight, int length, int[] red, int[] green, int[] blue) {
    for (int i = 0; i < length; i++) {
      int pixel = in[i];
      red[i] += weight * (pixel & 0xFF);
      green[i] += weight * (pixel >> 8 & 0xFF);
      blue[i] += weight * (pixel >> 16 & 0xFF);
    }
  }

  private static void round(int[] red, int[] green, int[] blue, int length, int[] out) {
    for (int i = 0; i < length; i++) {
      out[i] = clip(red[i]) | clip(green[i]) << 8 | clip(blue[i]) << 16;
    }
  }

  /** To 0 … 255; without a branch, as no vector instructions come of Math.min and max. */
  private static int clip(int sum) {
    int value = sum >> PRECISION;
    value &= ~(value >> 31);
    return (value | (255 - value) >> 31) & 0xFF;
  }

  /** Each int overwrites the byte too many of the one before. */
  private static void put(int[] pixels, int width, byte[] rgb, int at) {
    for (int x = 0; x < width - 1; x++) {
      INT.set(rgb, at, pixels[x]);
      at += 3;
    }
    putLast(pixels[width - 1], rgb, at);
  }

  private static void putMirrored(int[] pixels, int width, byte[] rgb, int at) {
    for (int x = width - 1; x > 0; x--) {
      INT.set(rgb, at, pixels[x]);
      at += 3;
    }
    putLast(pixels[0], rgb, at);
  }

  private static void putLast(int pixel, byte[] rgb, int at) {
    rgb[at] = (byte) pixel;
    rgb[at + 1] = (byte) (pixel >> 8);
    rgb[at + 2] = (byte) (pixel >> 16);
  }

  /**
   * What each position of the output takes from positions of the input, along one axis: {@code
   * count} of them from {@code first} on, with the weights from {@code weightsFrom} on.
   */
  static final class Taps {
    private final int[] first;
    private final int[] count;
    private final int[] weights;
    private final int size;

    private Taps(int outputs, int size) {
      this.first = new int[outputs];
      this.count = new int[outputs];
      this.weights = new int[Math.multiplyExact(outputs, size)];
      this.size = size;
    }

    /** All of the input to all of the output. */
    static Taps of(int inputSize, int outputSize) {
      return of(inputSize, 0, inputSize, outputSize, 0, outputSize);
    }

    /**
     * A stretch of the input to a part of what it is resized to.
     *
     * @param inputSize positions of the input
     * @param start of the stretch, in the input's positions, 0 to inputSize
     * @param length of the stretch, which ends within the input
     * @param outputSize positions that the stretch is resized to
     * @param firstOutput the first of these that is wanted
     * @param outputs how many are wanted
     */
    static Taps of(
        int inputSize, double start, double length, int outputSize, int firstOutput, int outputs) {
      double scale = length / outputSize;
      double filterScale = Math.max(scale, 1.0);
      double support = SUPPORT * filterScale;
      Taps taps = new Taps(outputs, (int) Math.ceil(support) * 2 + 1);
      double[] weights = new double[taps.size];
      for (int i = 0; i < outputs; i++) {
        double center = start + (firstOutput + i + 0.5) * scale;
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

    int outputs() {
      return first.length;
    }

    /** The first input position that any output takes from. */
    int inputStart() {
      return first[0];
    }

    /** The input position behind the last that any output takes from. */
    int inputEnd() {
      int last = outputs() - 1;
      return first[last] + count[last];
    }

    int first(int output) {
      return first[output];
    }

    int count(int output) {
      return count[output];
    }

    int weightsFrom(int output) {
      return output * size;
    }

    int[] weights() {
      return weights;
    }
  }
}
