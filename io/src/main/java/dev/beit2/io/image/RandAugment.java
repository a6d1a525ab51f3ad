package dev.beit2.io.image;

import dev.beit2.io.SeededRandom;
import java.io.Serializable;

/**
 * RandAugment (arXiv 1909.13719) as timm's {@code rand-m9-mstd0.5-inc1} does it: operations are
 * drawn with replacement from 15, and each is applied with probability ½ and a magnitude of its
 * own. Pixels are Pillow's to the byte.
 *
 * @param operations how many are drawn
 * @param magnitude mean of the magnitudes, 0 to 10
 * @param deviation standard deviation of the magnitudes, which are clipped to 0 … 10
 */
public record RandAugment(int operations, double magnitude, double deviation)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Leaves images as they are. */
  public static final RandAugment NONE = new RandAugment(0, 0, 0);

  private static final AugmentOperation[] ALL = AugmentOperation.values();
  private static final double LARGEST = 10;

  public RandAugment {
    if (operations < 0 || !(magnitude >= 0 && magnitude <= LARGEST) || !(deviation >= 0)) {
      throw new IllegalArgumentException(
          "%d operations of magnitude %s ± %s".formatted(operations, magnitude, deviation));
    }
  }

  /** Two operations, as timm draws them by default, with a standard deviation of 0.5. */
  public static RandAugment of(double magnitude) {
    return new RandAugment(2, magnitude, 0.5);
  }

  /**
   * Augments a view: a pure function of the arguments.
   *
   * @param key the image's key
   * @param number of the view, for example the epoch
   */
  public RgbImage apply(RgbImage image, long seed, String key, long number) {
    SeededRandom random = SeededRandom.of(seed, "randaugment/" + key, number);
    RgbImage augmented = image;
    for (int i = 0; i < operations; i++) {
      AugmentOperation operation = ALL[random.nextInt(ALL.length)];
      boolean applies = random.nextDouble() < 0.5;
      double drawn = magnitude + deviation * random.nextGaussian();
      boolean negative = random.nextDouble() < 0.5;
      if (applies) {
        double argument = operation.argument(Math.max(0, Math.min(LARGEST, drawn)), negative);
        augmented = operation.apply(augmented, argument);
      }
    }
    return augmented;
  }
}
