package dev.beit2.model.vit;

/**
 * Cubic splines through given values, with the "not a knot" condition at both ends: those of
 * FITPACK, and therefore of scipy's {@code RectBivariateSpline}, without smoothing.
 */
final class CubicSpline {
  private static final int FEWEST = 4;

  private CubicSpline() {}

  /**
   * How a spline's values depend on the values that it goes through; it is linear in them.
   *
   * @param x at least 4 ascending positions of given values
   * @param at where the spline is evaluated; positions outside of {@code x} become its ends
   * @return [at.length, x.length]
   */
  static double[][] weights(double[] x, double[] at) {
    double[][] curvatures = curvatures(x);
    double[][] weights = new double[at.length][x.length];
    for (int k = 0; k < at.length; k++) {
      double t = Math.max(x[0], Math.min(x[x.length - 1], at[k]));
      int i = 0;
      while (i < x.length - 2 && t > x[i + 1]) {
        i++;
      }
      double h = x[i + 1] - x[i];
      double a = (x[i + 1] - t) / h;
      double b = (t - x[i]) / h;
      for (int j = 0; j < x.length; j++) {
        weights[k][j] =
            ((a * a * a - a) * curvatures[i][j] + (b * b * b - b) * curvatures[i + 1][j])
                * (h * h / 6);
      }
      weights[k][i] += a;
      weights[k][i + 1] += b;
    }
    return weights;
  }

  /** How the second derivative at each position depends on the given values. */
  private static double[][] curvatures(double[] x) {
    int n = x.length;
    if (n < FEWEST) {
      throw new IllegalArgumentException("a cubic spline through " + n + " values");
    }
    // The unknowns' coefficients on the left, those of the given values on the right.
    double[][] equations = new double[n][2 * n];
    for (int i = 1; i < n - 1; i++) {
      double before = x[i] - x[i - 1];
      double after = x[i + 1] - x[i];
      equations[i][i - 1] = before;
      equations[i][i] = 2 * (before + after);
      equations[i][i + 1] = after;
      equations[i][n + i - 1] = 6 / before;
      equations[i][n + i] = -6 / before - 6 / after;
      equations[i][n + i + 1] = 6 / after;
    }
    // The third derivative does not change at the second and the last but one position.
    notAKnot(equations[0], x, 0);
    notAKnot(equations[n - 1], x, n - 3);
    solve(equations);
    double[][] curvatures = new double[n][n];
    for (int i = 0; i < n; i++) {
      System.arraycopy(equations[i], n, curvatures[i], 0, n);
    }
    return curvatures;
  }

  private static void notAKnot(double[] equation, double[] x, int first) {
    double before = x[first + 1] - x[first];
    double after = x[first + 2] - x[first + 1];
    equation[first] = after;
    equation[first + 1] = -before - after;
    equation[first + 2] = before;
  }

  /** Gauss–Jordan elimination with pivots: afterwards the left half is the unit matrix. */
  private static void solve(double[][] equations) {
    int n = equations.length;
    for (int column = 0; column < n; column++) {
      int pivot = column;
      for (int row = column + 1; row < n; row++) {
        if (Math.abs(equations[row][column]) > Math.abs(equations[pivot][column])) {
          pivot = row;
        }
      }
      double[] chosen = equations[pivot];
      equations[pivot] = equations[column];
      equations[column] = chosen;
      double scale = 1 / chosen[column];
      for (int j = 0; j < 2 * n; j++) {
        chosen[j] *= scale;
      }
      for (int row = 0; row < n; row++) {
        double factor = equations[row][column];
        if (row != column && factor != 0) {
          for (int j = 0; j < 2 * n; j++) {
            equations[row][j] -= factor * chosen[j];
          }
        }
      }
    }
  }
}
