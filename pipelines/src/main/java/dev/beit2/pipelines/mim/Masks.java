package dev.beit2.pipelines.mim;

import dev.beit2.io.SeededRandom;
import dev.beit2.model.mim.BlockwiseMask;

/** The masks of pretraining. */
public final class Masks {
  private Masks() {}

  /**
   * The mask of an image in an epoch, a pure function of the arguments.
   *
   * @param key the image's key
   * @param epoch from 0
   * @return N values, row by row, true where masked
   */
  public static boolean[] sample(BlockwiseMask mask, long seed, String key, long epoch) {
    SeededRandom random = SeededRandom.of(seed, "mask/" + key, epoch);
    return mask.sample(random::nextLong);
  }
}
