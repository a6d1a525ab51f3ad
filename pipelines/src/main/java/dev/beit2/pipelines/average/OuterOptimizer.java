package dev.beit2.pipelines.average;

import java.io.Serializable;

/**
 * The outer optimizer (DiLoCo, arXiv 2311.08105): SGD with Nesterov momentum on the outer gradient,
 * which is the difference between the parameters at the start of the round and the workers' mean.
 * With a learning rate of 1 and no momentum the result is the mean itself.
 *
 * @param learningRate 0.7 in DiLoCo
 * @param momentum in [0, 1); 0.9 in DiLoCo
 */
public record OuterOptimizer(double learningRate, double momentum) implements Serializable {

  boolean hasMomentum() {
    return momentum > 0;
  }

  /**
   * Takes a step: v ← μ·v + Δ, θ ← θ − η·(Δ + μ·v) with Δ = θ − mean.
   *
   * @param before θ
   * @param velocity v, changed in place; all zeros before the first step
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
