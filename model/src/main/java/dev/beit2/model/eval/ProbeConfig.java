package dev.beit2.model.eval;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * How the heads of a linear probe are trained.
 *
 * @param optimizer of all heads
 * @param rates learning rates at the start; each gives one head for each vector
 * @param weightDecay of weights and biases
 * @param epochs after which the learning rate is 0, along half a cosine
 * @param batchSize images per step
 */
public record ProbeConfig(
    Optimizer optimizer, List<Double> rates, double weightDecay, int epochs, int batchSize)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The optimizers of the official script (BEiT's {@code run_linear_eval.py}). */
  public enum Optimizer {
    /** With momentum 0.9. */
    SGD,
    /** With betas 0.9 and 0.999. */
    ADAMW
  }

  public ProbeConfig {
    requireNonNull(optimizer, "optimizer is null");
    rates = new ArrayList<>(rates); // serializable
  }

  /** The part of the learning rates in an epoch, from 0. */
  double schedule(int epoch) {
    return (1 + Math.cos(Math.PI * epoch / epochs)) / 2;
  }
}
