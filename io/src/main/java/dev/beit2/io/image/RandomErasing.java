package dev.beit2.io.image;

import dev.beit2.io.SeededRandom;
import java.io.Serializable;
import java.nio.FloatBuffer;
import javax.annotation.Nullable;

/**
 * Random erasing (arXiv 1708.04896) as timm's {@code RandomErasing} does it in mode "pixel": a box
 * of an image becomes normal noise. Its area is 1/50 to 1/3 of the image's, its aspect ratio 0.3 to
 * 1/0.3.
 *
 * @param probability of an image, in [0, 1]
 */
public record RandomErasing(double probability) implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final int ATTEMPTS = 10;
  private static final double MIN_AREA = 0.02;
  private static final double MAX_AREA = 1.0 / 3.0;
  private static final double MIN_LOG_ASPECT = StrictMath.log(0.3);

  public RandomErasing {
    if (!(probability >= 0 && probability <= 1)) {
      throw new IllegalArgumentException("probability is " + probability);
    }
  }

  /**
   * A box in an image.
   *
   * @param left its first column
   * @param top its first row
   */
  record Box(int left, int top, int width, int height) {}

  /**
   * Erases a box of an image, or nothing: a pure function of the image and the other arguments.
   *
   * @param image [3, side, side], from the buffer's position on
   * @param mean of the noise in each channel
   * @param std of the noise in each channel
   * @param key the image's key
   * @param number of the view, for example the epoch
   */
  public void apply(
      FloatBuffer image, int side, float[] mean, float[] std, long seed, String key, long number) {
    SeededRandom random = SeededRandom.of(seed, "erase/" + key, number);
    if (random.nextDouble() >= probability) {
      return;
    }
    Box box = sample(random, side);
    if (box == null) {
      return;
    }
    for (int channel = 0; channel < 3; channel++) {
      for (int y = box.top(); y < box.top() + box.height(); y++) {
        int row = image.position() + (channel * side + y) * side;
        for (int x = box.left(); x < box.left() + box.width(); x++) {
          image.put(row + x, (float) (mean[channel] + std[channel] * random.nextGaussian()));
        }
      }
    }
  }

  /** A box that is smaller than the image; null if none was found. */
  @Nullable
  static Box sample(SeededRandom random, int side) {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      double area = (double) side * side * random.nextDouble(MIN_AREA, MAX_AREA);
      double aspect = StrictMath.exp(random.nextDouble(MIN_LOG_ASPECT, -MIN_LOG_ASPECT));
      int height = (int) Math.rint(Math.sqrt(area * aspect));
      int width = (int) Math.rint(Math.sqrt(area / aspect));
      if (width < side && height < side) {
        int top = random.nextInt(side - height + 1);
        return new Box(random.nextInt(side - width + 1), top, width, height);
      }
    }
    return null;
  }
}
