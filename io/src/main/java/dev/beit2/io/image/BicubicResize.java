package dev.beit2.io.image;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Pillow's resampling of 8-bit images (libImaging/Resample.c), with byte-identical results: two
 * passes, horizontal first, weights in 22-bit fixed point, 8 bits between the passes. When an image
 * shrinks, the filter is widened by the scale (antialiasing).
 *
 * <p>Both passes compute weighted sums of lines of pixels. In the horizontal pass the lines are the
 * columns of a band of rows. Pixels are ints with red in the low byte. The loops run over whole int
 * arrays from 0, without calls or branches, because the compiler turns such loops into vector
 * instructions.
 */
final class BicubicResize {
  private static final double A = -0.5;
  private static final double SUPPORT = 2.0;
  private static final int PRECISION = 22;
  private static final int HALF = 1 << (PRECISION - 1);

  /** Rows whose columns are resized together: few enough to stay in the processor's cache. */
  private static final int BAND = 128;

  /** Scratch memory for inputs with more columns or rows than this is not kept. */
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
   * Resizes a part of an image as if nothing were around it.
   *
   * @param left the part's first column
   * @param top its first row
   * @param x the weights from the part's columns to the output's columns
   * @param y the weights from the part's rows to the output's rows
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

  /** Copies columns [start, end) of the part, from {@code rows} rows starting at {@code top}. */
  private static void toColumns(
      RgbImage image, int left, int top, int start, int end, int rows, int[][] columns) {
    byte[] rgb = image.rgb();
    int stride = 3 * image.width();
    int y = 0;
    // Four rows at once: fewer visits to each column. Reading an int reads one byte too many,
    // which does not exist after the image's last row.
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

  /** Eight columns at once become part of each line, starting at line {@code first}. */
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

  /**
   * Clips to 0 … 255. Has no branch, because Math.min and max are not compiled to vector
   * instructions.
   */
  private static int clip(int sum) {
    int value = sum >> PRECISION;
    value &= ~(value >> 31);
    return (value | (255 - value) >> 31) & 0xFF;
  }

  /** Each int overwrites the extra byte of the one before. */
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
   * The input positions that each output position takes, along one axis: {@code count} of them
   * starting at {@code first}, with the weights starting at {@code weightsFrom}.
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

    /** Resizes all of the input to all of the output. */
    static Taps of(int inputSize, int outputSize) {
      return of(inputSize, 0, inputSize, outputSize, 0, outputSize);
    }

    /**
     * Resizes a range of the input and computes a part of the result.
     *
     * @param inputSize positions of the input
     * @param start the start of the range, in the input's positions, 0 to inputSize
     * @param length the length of the range, which ends within the input
     * @param outputSize positions that the range is resized to
     * @param firstOutput the first of these positions to compute
     * @param outputs the number of positions to compute
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

    /** The first input position that any output position takes. */
    int inputStart() {
      return first[0];
    }

    /** One more than the last input position that any output position takes. */
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
