package dev.beit2.io.image;

import dev.beit2.io.SeededRandom;
import java.io.Serializable;

/**
 * How views are sampled: torchvision's RandomResizedCrop (aspect ratio 3/4 … 4/3, 10 attempts, then
 * the central crop), horizontal flip and colour jitter.
 *
 * @param minScale the smallest crop as a fraction of the image's area, in (0, maxScale]
 * @param maxScale the largest crop as a fraction of the image's area, at most 1
 * @param flipProbability in [0, 1]
 * @param brightness j at least 0: the factor is uniform in [max(0, 1 − j), 1 + j]; 0 = no change
 * @param contrast as for brightness
 * @param saturation as for brightness
 */
public record Augmentation(
    double minScale,
    double maxScale,
    double flipProbability,
    double brightness,
    double contrast,
    double saturation)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final int ATTEMPTS = 10;
  private static final double MIN_RATIO = 3.0 / 4.0;
  private static final double MAX_RATIO = 4.0 / 3.0;
  private static final double LOG_MAX_RATIO = StrictMath.log(MAX_RATIO);

  public Augmentation {
    if (!(minScale > 0 && minScale <= maxScale && maxScale <= 1)) {
      throw new IllegalArgumentException(
          "scale is " + minScale + "–" + maxScale + ", must be within (0, 1]");
    }
    if (!(flipProbability >= 0 && flipProbability <= 1)) {
      throw new IllegalArgumentException("flipProbability is " + flipProbability);
    }
    if (!(brightness >= 0 && contrast >= 0 && saturation >= 0)) {
      throw new IllegalArgumentException(
          String.format("negative jitter: %s, %s, %s", brightness, contrast, saturation));
    }
  }

  /**
   * Random resized crops of any aspect ratio from 3/4 to 4/3, half of them flipped, without colour
   * jitter.
   *
   * @param minScale smallest fraction of the image's area that a crop keeps, in (0, 1]
   */
  public static Augmentation randomResizedCrop(double minScale) {
    return new Augmentation(minScale, 1, 0.5, 0, 0, 0);
  }

  /**
   * The same crops and flips, with brightness, contrast and saturation each varied by up to this.
   */
  public Augmentation withJitter(double strength) {
    return new Augmentation(minScale, maxScale, flipProbability, strength, strength, strength);
  }

  /**
   * The view with this number of the image with this key: a pure function of the arguments (see
   * {@link SeededRandom}), so every worker draws the same view, whenever and in whatever order.
   *
   * @param number of the view: 0, 1, …, or for example the epoch
   * @param width the image's width in pixels
   * @param height the image's height in pixels
   */
  public View sample(long seed, String key, int number, int width, int height) {
    SeededRandom random = SeededRandom.of(seed, key, number);
    View box = sampleBox(random, width, height);
    return new View(
        box.left(),
        box.top(),
        box.width(),
        box.height(),
        random.nextDouble() < flipProbability,
        sampleFactor(random, brightness),
        sampleFactor(random, contrast),
        sampleFactor(random, saturation),
        (byte) random.nextInt(View.JITTER_ORDERS));
  }

  private View sampleBox(SeededRandom random, int width, int height) {
    double area = (double) width * height;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      double target = area * random.nextDouble(minScale, maxScale);
      double ratio = StrictMath.exp(random.nextDouble(-LOG_MAX_RATIO, LOG_MAX_RATIO));
      int w = (int) Math.rint(Math.sqrt(target * ratio));
      int h = (int) Math.rint(Math.sqrt(target / ratio));
      if (0 < w && w <= width && 0 < h && h <= height) {
        int top = random.nextInt(height - h + 1);
        int left = random.nextInt(width - w + 1);
        return View.ofBox(left, top, w, h);
      }
    }
    return largestCentralBox(width, height);
  }

  private static View largestCentralBox(int width, int height) {
    double ratio = (double) width / height;
    int w = ratio > MAX_RATIO ? (int) Math.rint(height * MAX_RATIO) : width;
    int h = ratio < MIN_RATIO ? (int) Math.rint(width / MIN_RATIO) : height;
    return View.ofBox((width - w) / 2, (height - h) / 2, w, h);
  }

  private static float sampleFactor(SeededRandom random, double jitter) {
    return (float) random.nextDouble(Math.max(0, 1 - jitter), 1 + jitter);
  }
}
