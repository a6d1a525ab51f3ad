package dev.beit2.model.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Map;
import java.util.SplittableRandom;
import javax.annotation.Nullable;

/**
 * Stochastic depth (arXiv 1603.09382): whole samples skip a branch; the others are scaled up to
 * keep the mean.
 */
public interface DropPath {
  /** Nothing is skipped. */
  DropPath NONE = (manager, branch, batch) -> null;

  /** Factors [B, 1, 1] of a branch, 0 or 1 / (1 − rate); null if nothing is skipped. */
  @Nullable
  NDArray keep(NDManager manager, String branch, long batch);

  /**
   * Factors that depend only on the seed, the step, the branch's name and the sample's number.
   *
   * @param rates by block name; a block that is missing skips nothing
   * @param first index in the batch of the first sample of the micro-batch
   */
  static DropPath random(Map<String, Double> rates, long seed, long step, int first) {
    return (manager, branch, batch) -> {
      double rate = rates.getOrDefault(branch.substring(0, branch.lastIndexOf('.')), 0.0);
      if (rate == 0) {
        return null;
      }
      SplittableRandom random =
          new SplittableRandom(seed * 0x9E3779B97F4A7C15L + step * 31 + branch.hashCode());
      float[] factors = new float[(int) batch];
      for (int sample = 0; sample < first + batch; sample++) {
        boolean skips = random.nextDouble() < rate;
        if (sample >= first) {
          factors[sample - first] = skips ? 0 : (float) (1 / (1 - rate));
        }
      }
      return manager.create(factors, new Shape(batch, 1, 1));
    };
  }
}
