package dev.beit2.model.eval;

import java.util.Arrays;
import java.util.Comparator;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * k-NN classification by cosine similarity, with votes weighted by exp(cosine / temperature), as in
 * DINO's evaluation (arXiv 2104.14294).
 */
public final class NearestNeighbours {
  private NearestNeighbours() {}

  /**
   * Which validation features' class is predicted right. Ties go to the lower class.
   *
   * @param train [n][D]
   * @param validation [m][D]
   * @return [m]
   */
  public static boolean[] classify(
      float[][] train,
      int[] trainLabels,
      float[][] validation,
      int[] validationLabels,
      int k,
      double temperature) {
    float[][] asked = normalize(validation);
    Vote vote = new Vote(normalize(train), trainLabels, k, temperature);
    return inParallel(asked.length, i -> vote.of(asked[i], other -> true) == validationLabels[i]);
  }

  /**
   * Which features' class is predicted right by all the other features (leave-one-out). Ties go to
   * the lower class.
   *
   * @param features [n][D]
   * @return [n]
   */
  public static boolean[] classifyEach(
      float[][] features, int[] labels, int k, double temperature) {
    Vote vote = new Vote(normalize(features), labels, k, temperature);
    return inParallel(
        features.length, i -> vote.of(vote.known[i], other -> other != i) == labels[i]);
  }

  private static boolean[] inParallel(int size, IntPredicate right) {
    boolean[] found = new boolean[size];
    IntStream.range(0, size).parallel().forEach(i -> found[i] = right.test(i));
    return found;
  }

  /** The vote of the nearest of some features, whose lengths are 1. */
  private record Vote(float[][] known, int[] labels, int k, double temperature) {
    int of(float[] feature, IntPredicate mayVote) {
      double[] cosines = Arrays.stream(known).mapToDouble(other -> dot(feature, other)).toArray();
      double[] votes = new double[Arrays.stream(labels).max().orElse(0) + 1];
      IntStream.range(0, known.length)
          .filter(mayVote)
          .boxed()
          .sorted(Comparator.comparingDouble(i -> -cosines[i]))
          .limit(k)
          .forEach(i -> votes[labels[i]] += Math.exp(cosines[i] / temperature));
      return IntStream.range(0, votes.length)
          .boxed()
          .max(Comparator.<Integer>comparingDouble(c -> votes[c]).thenComparing(c -> -c))
          .orElseThrow();
    }
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
