package dev.beit2.model.vit;

/**
 * The row of the bias table for each pair of tokens (official {@code RelativePositionBias}): one
 * per relative distance, and three more for [CLS] to patch, patch to [CLS] and [CLS] to itself.
 */
public final class RelativePosition {
  /** Rows of [CLS]. */
  private static final int OF_CLS = 3;

  private static final double SMALLEST_RATIO = 1.01;
  private static final double LARGEST_RATIO = 1.5;
  private static final double RATIO_PRECISION = 1e-6;

  private RelativePosition() {}

  /** Rows of the table for a {@code grid} by {@code grid} window. */
  public static int rows(int grid) {
    return (2 * grid - 1) * (2 * grid - 1) + OF_CLS;
  }

  /** The index [T, T], row-major, T = 1 + grid²; token 0 is [CLS]. */
  public static long[] index(int grid) {
    int tokens = grid * grid + 1;
    int span = 2 * grid - 1;
    long[] index = new long[tokens * tokens];
    for (int from = 0; from < tokens; from++) {
      for (int to = 0; to < tokens; to++) {
        index[from * tokens + to] = row(from - 1, to - 1, grid, span);
      }
    }
    return index;
  }

  private static long row(int from, int to, int grid, int span) {
    if (from < 0) {
      return (long) span * span + (to < 0 ? 2 : 0);
    }
    if (to < 0) {
      return (long) span * span + 1;
    }
    int down = from / grid - to / grid + grid - 1;
    int across = from % grid - to % grid + grid - 1;
    return (long) down * span + across;
  }

  /**
   * A table for a window of another size (official {@code run_class_finetuning.py}): distances near
   * zero keep their spacing, those further away are stretched more and more, and between them runs
   * a bicubic spline. The three rows of [CLS] do not change.
   *
   * @param table [rows(from), heads], row-major
   * @param from patches along a side of its window
   * @param to patches along a side of the new window
   * @return [rows(to), heads]
   * @throws IllegalArgumentException if the window has fewer than 3 patches along a side
   */
  public static float[] resize(float[] table, int heads, int from, int to) {
    if (from == to) {
      return table;
    }
    int source = 2 * from - 1;
    int target = 2 * to - 1;
    double[] wanted = new double[target];
    for (int i = 0; i < target; i++) {
      wanted[i] = i - target / 2;
    }
    double[][] weights = CubicSpline.weights(distances(source / 2, target / 2), wanted);
    float[] resized = new float[rows(to) * heads];
    for (int head = 0; head < heads; head++) {
      double[][] rows = new double[target][source]; // resized along the first dimension
      for (int i = 0; i < target; i++) {
        for (int k = 0; k < source; k++) {
          for (int j = 0; j < source; j++) {
            rows[i][k] += weights[i][j] * table[(j * source + k) * heads + head];
          }
        }
      }
      for (int i = 0; i < target; i++) {
        for (int k = 0; k < target; k++) {
          double sum = 0;
          for (int j = 0; j < source; j++) {
            sum += weights[k][j] * rows[i][j];
          }
          resized[(i * target + k) * heads + head] = (float) sum;
        }
      }
    }
    System.arraycopy(
        table, source * source * heads, resized, target * target * heads, OF_CLS * heads);
    return resized;
  }

  /**
   * The distances −far … far of a window on the scale of another one: steps that grow
   * geometrically, such that the furthest one is the other window's, if the ratio allows it.
   */
  private static double[] distances(int far, int wanted) {
    double low = SMALLEST_RATIO;
    double high = LARGEST_RATIO;
    double ratio = low;
    while (high - low > RATIO_PRECISION) {
      ratio = (low + high) / 2;
      if ((1 - Math.pow(ratio, far)) / (1 - ratio) > wanted) {
        high = ratio;
      } else {
        low = ratio;
      }
    }
    double[] distances = new double[2 * far + 1];
    double sum = 0;
    for (int i = 0; i < far; i++) {
      sum += Math.pow(ratio, i);
      distances[far + 1 + i] = sum;
      distances[far - 1 - i] = -sum;
    }
    return distances;
  }
}
