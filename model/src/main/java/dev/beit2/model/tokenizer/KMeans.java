package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;
import java.util.SplittableRandom;

/**
 * k-means on the unit sphere, by cosine (official {@code norm_ema_quantizer.py}, {@code kmeans}).
 */
public final class KMeans {
  private KMeans() {}

  /**
   * Means and sizes of the clusters.
   *
   * @param means [K, C] unit vectors
   * @param counts [K] int64, samples of each cluster in the last round
   */
  public record Clusters(NDArray means, NDArray counts) {}

  /**
   * Runs k-means from given initial means.
   *
   * @param samples [M, C] unit vectors
   * @param means [K, C] unit vectors
   * @param rounds at least 1
   */
  public static Clusters run(
      Kernels kernels, NDManager manager, NDArray samples, NDArray means, int rounds) {
    Clusters clusters = new Clusters(means, null);
    for (int i = 0; i < rounds; i++) {
      NDList round =
          kernels.callForAll(manager, "kmeans_round", new NDArray[] {samples, clusters.means()});
      clusters = new Clusters(round.get(0), round.get(1));
    }
    return clusters;
  }

  /** Indices of the samples that become the initial means; distinct if there are enough samples. */
  static long[] initialMeans(long samples, int clusters, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    if (samples < clusters) {
      return random.longs(clusters, 0, samples).toArray();
    }
    long[] order = new long[(int) samples];
    long[] chosen = new long[clusters];
    for (int i = 0; i < order.length; i++) {
      order[i] = i;
    }
    for (int i = 0; i < clusters; i++) {
      int other = random.nextInt(i, order.length);
      chosen[i] = order[other];
      order[other] = order[i];
    }
    return chosen;
  }
}
