package dev.beit2.pipelines.average;

import java.io.Serializable;

/**
 * What is made of the workers' mean at the end of a round: SGD with Nesterov momentum on the outer
 * gradient, which is how far the mean has come from where the round began (DiLoCo, arXiv
 * 2311.08105). A rate of 1 without momentum is the mean itself.
 *
 * @param learningRate 0.7 in DiLoCo
 * @param momentum in [0, 1); 0.9 in DiLoCo
 */
public record OuterOptimizer(double learningRate, double momentum) implements Serializable {

  boolean hasMomentum() {
    return momentum > 0;
  }

  /**
   * Steps from {@code before} along the way to {@code mean}: v ← μ·v + Δ, θ ← θ − η·(Δ + μ·v) with
   * Δ = θ − mean.
   *
   * @param velocity v, changed in place; all zero before the first step
   * @return the new parameters
   */
  float[] step(float[] before, float[] mean, float[] velocity) {
    float[] after = new float[before.length];
    for (int i = 0; i < after.length; i++) {
      double gradient = (double) before[i] - mean[i];
      double moved = momentum * velocity[i] + gradient;
      velocity[i] = (float) moved;
      after[i] = (float) (before[i] - learningRate * (gradient + momentum * moved));
    }
    return after;
  }
}
