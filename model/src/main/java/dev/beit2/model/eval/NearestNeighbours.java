package dev.beit2.model.eval;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/**
 * k-NN classification by cosine similarity, with votes weighted by exp(cosine / temperature), as in
 * DINO's evaluation (arXiv 2104.14294).
 */
public final class NearestNeighbours {
  private NearestNeighbours() {}

  /**
   * The fraction of validation features whose class is predicted right, 0 to 1. Ties go to the
   * lower class.
   *
   * @param train [n][D]
   * @param validation [m][D]
   */
  public static double accuracy(
      float[][] train,
      int[] trainLabels,
      float[][] validation,
      int[] validationLabels,
      int k,
      double temperature) {
    float[][] known = normalize(train);
    float[][] asked = normalize(validation);
    int classes = Arrays.stream(trainLabels).max().orElse(0) + 1;
    long right =
        IntStream.range(0, asked.length)
            .parallel()
            .filter(
                i ->
                    guess(asked[i], known, trainLabels, classes, k, temperature)
                        == validationLabels[i])
            .count();
    return (double) right / asked.length;
  }

  private static int guess(
      float[] feature, float[][] known, int[] labels, int classes, int k, double temperature) {
    double[] cosines = Arrays.stream(known).mapToDouble(other -> dot(feature, other)).toArray();
    double[] votes = new double[classes];
    IntStream.range(0, known.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> -cosines[i]))
        .limit(k)
        .forEach(i -> votes[labels[i]] += Math.exp(cosines[i] / temperature));
    return IntStream.range(0, classes)
        .boxed()
        .max(Comparator.<Integer>comparingDouble(c -> votes[c]).thenComparing(c -> -c))
        .orElseThrow();
  }

  private static float[][] normalize(float[][] features) {
    return Arrays.stream(features)
        .map(
            feature -> {
              double norm = Math.max(Math.sqrt(dot(feature, feature)), 1e-12);
              float[] unit = new float[feature.length];
              for (int i = 0; i < unit.length; i++) {
                unit[i] = (float) (feature[i] / norm);
              }
              return unit;
            })
        .toArray(float[][]::new);
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
