package dev.beit2.io.image;

import dev.beit2.io.SeededRandom;
import javax.annotation.Nullable;

/**
 * Changes of brightness, contrast, saturation and hue, each with probability ½ (mmsegmentation's
 * {@code PhotoMetricDistortion}). A number is null where nothing changes.
 *
 * @param brightness that is added, −32 to 32
 * @param contrast factor, 0.5 to 1.5
 * @param contrastFirst whether contrast comes before saturation and hue, or after them
 * @param saturation factor, 0.5 to 1.5
 * @param hue that is added, in steps of 2°, −18 to 17
 */
record PhotometricDistortion(
    @Nullable Double brightness,
    @Nullable Double contrast,
    boolean contrastFirst,
    @Nullable Double saturation,
    @Nullable Integer hue) {
  private static final int BRIGHTNESS = 32;
  private static final double LEAST = 0.5;
  private static final double MOST = 1.5;
  private static final int HUE = 18;
  private static final int HUES = 180;

  static PhotometricDistortion sample(SeededRandom random) {
    Double brightness = random.nextInt(2) == 1 ? random.nextDouble(-BRIGHTNESS, BRIGHTNESS) : null;
    boolean contrastFirst = random.nextInt(2) == 1;
    Double contrast = random.nextInt(2) == 1 ? random.nextDouble(LEAST, MOST) : null;
    Double saturation = random.nextInt(2) == 1 ? random.nextDouble(LEAST, MOST) : null;
    Integer hue = random.nextInt(2) == 1 ? random.nextInt(2 * HUE) - HUE : null;
    return new PhotometricDistortion(brightness, contrast, contrastFirst, saturation, hue);
  }

  RgbImage apply(RgbImage image) {
    RgbImage changed = image;
    if (brightness != null) {
      changed = linear(changed, 1, brightness, 0, 1);
    }
    if (contrast != null && contrastFirst) {
      changed = linear(changed, contrast, 0, 0, 1);
    }
    // Each goes to hue, saturation and value and back, as the original does.
    if (saturation != null) {
      changed = OpenCvImage.fromHsv(linear(OpenCvImage.toHsv(changed), saturation, 0, 1, 3));
    }
    if (hue != null) {
      changed = OpenCvImage.fromHsv(turned(OpenCvImage.toHsv(changed)));
    }
    if (contrast != null && !contrastFirst) {
      changed = linear(changed, contrast, 0, 0, 1);
    }
    return changed;
  }

  /** Changes values from one position on, a number of positions apart. */
  private static RgbImage linear(
      RgbImage image, double factor, double added, int first, int apart) {
    byte[] values = image.rgb().clone();
    for (int i = first; i < values.length; i += apart) {
      float value = (float) ((values[i] & 0xFF) * (float) factor) + (float) added;
      values[i] = (byte) Math.max(0, Math.min(255, value));
    }
    return new RgbImage(image.width(), image.height(), values);
  }

  private RgbImage turned(RgbImage hsv) {
    byte[] values = hsv.rgb().clone();
    for (int i = 0; i < values.length; i += 3) {
      values[i] = (byte) Math.floorMod((values[i] & 0xFF) + hue, HUES);
    }
    return new RgbImage(hsv.width(), hsv.height(), values);
  }
}
