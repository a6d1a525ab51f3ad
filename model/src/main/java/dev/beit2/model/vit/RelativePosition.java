package dev.beit2.model.vit;

/**
 * The row of the bias table for each pair of tokens (official {@code RelativePositionBias}): one
 * per relative distance, and three more for [CLS] to patch, patch to [CLS] and [CLS] to itself.
 */
public final class RelativePosition {
  private RelativePosition() {}

  /** Rows of the table for a {@code grid} by {@code grid} window. */
  public static int rows(int grid) {
    return (2 * grid - 1) * (2 * grid - 1) + 3;
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
}
