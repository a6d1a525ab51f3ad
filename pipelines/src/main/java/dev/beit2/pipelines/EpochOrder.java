package dev.beit2.pipelines;

import dev.beit2.io.SeededRandom;

/**
 * The order in which a run sees its examples: all of them once an epoch, in another order each
 * epoch, as a function of (seed, epoch) alone.
 *
 * @param examples of the data set
 */
record EpochOrder(long seed, int examples) {
  EpochOrder {
    if (examples < 1) {
      throw new IllegalArgumentException("examples is " + examples + ", must be positive");
    }
  }

  /** A permutation of 0 … examples − 1. */
  int[] of(long epoch) {
    return SeededRandom.of(seed, "epoch", epoch).permutation(examples);
  }
}
