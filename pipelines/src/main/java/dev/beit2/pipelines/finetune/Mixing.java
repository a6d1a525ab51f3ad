package dev.beit2.pipelines.finetune;

import dev.beit2.io.SeededRandom;
import dev.beit2.model.train.Mix;
import java.io.Serializable;

/**
 * How images are mixed (timm's {@code Mixup} in mode "batch"): if both are on, a draw is mixup or
 * cutmix with probability ½. Neighbours in the batch are mixed, so that it does not matter how a
 * batch is split into micro-batches.
 *
 * @param mixup both parameters of the Beta distribution of mixup's weights; 0: no mixup
 * @param cutmix the same of cutmix
 * @param images that share a draw; even
 */
record Mixing(double mixup, double cutmix, int images) implements Serializable {
  private static final long serialVersionUID = 1L;

  boolean mixes() {
    return mixup > 0 || cutmix > 0;
  }

  /**
   * Draws how a group of images is mixed: a pure function of the arguments.
   *
   * @param key of the group's first image
   * @param step of the optimizer, from 0
   * @param side of the images in pixels
   */
  Mix sample(long seed, String key, long step, int side) {
    SeededRandom random = SeededRandom.of(seed, "mix/" + key, step);
    boolean cuts = cutmix > 0 && (mixup == 0 || random.nextDouble() < 0.5);
    double weight = random.nextBeta(cuts ? cutmix : mixup);
    return cuts
        ? Mix.cutmix(weight, side, random.nextInt(side), random.nextInt(side))
        : Mix.mixup(weight);
  }
}
