package dev.beit2.io.image;

import java.util.List;

/**
 * Brightness, contrast and saturation as Pillow's ImageEnhance changes them, to the byte: a blend
 * of the picture with black, with its mean grey, or with its grey version. A factor of 1 leaves a
 * step out.
 */
final class ColorJitter {
  private enum Step {
    BRIGHTNESS,
    CONTRAST,
    SATURATION
  }

  /** By {@link View#jitterOrder()}. */
  private static final List<List<Step>> ORDERS =
      List.of(
          List.of(Step.BRIGHTNESS, Step.CONTRAST, Step.SATURATION),
          List.of(Step.BRIGHTNESS, Step.SATURATION, Step.CONTRAST),
          List.of(Step.CONTRAST, Step.BRIGHTNESS, Step.SATURATION),
          List.of(Step.CONTRAST, Step.SATURATION, Step.BRIGHTNESS),
          List.of(Step.SATURATION, Step.BRIGHTNESS, Step.CONTRAST),
          List.of(Step.SATURATION, Step.CONTRAST, Step.BRIGHTNESS));

  private ColorJitter() {}

  /** The picture itself where the view changes no colour, else a new one. */
  static RgbImage apply(RgbImage image, View view) {
    if (view.brightness() == 1 && view.contrast() == 1 && view.saturation() == 1) {
      return image;
    }
    byte[] rgb = image.rgb().clone();
    for (Step step : ORDERS.get(view.jitterOrder())) {
      switch (step) {
        case BRIGHTNESS -> changeBrightness(rgb, view.brightness());
        case CONTRAST -> changeContrast(rgb, view.contrast());
        case SATURATION -> changeSaturation(rgb, view.saturation());
      }
    }
    return new RgbImage(image.width(), image.height(), rgb);
  }

  private static void changeBrightness(byte[] rgb, float factor) {
    if (factor != 1) {
      blendAll(rgb, 0, factor);
    }
  }

  private static void changeContrast(byte[] rgb, float factor) {
    if (factor != 1) {
      blendAll(rgb, meanGrey(rgb), factor);
    }
  }

  private static void changeSaturation(byte[] rgb, float factor) {
    if (factor != 1) {
      for (int i = 0; i < rgb.length; i += 3) {
        int grey = grey(rgb, i);
        rgb[i] = blend(grey, rgb[i] & 0xFF, factor);
        rgb[i + 1] = blend(grey, rgb[i + 1] & 0xFF, factor);
        rgb[i + 2] = blend(grey, rgb[i + 2] & 0xFF, factor);
      }
    }
  }

  private static void blendAll(byte[] rgb, int grey, float factor) {
    byte[] blended = new byte[256];
    for (int value = 0; value < 256; value++) {
      blended[value] = blend(grey, value, factor);
    }
    for (int i = 0; i < rgb.length; i++) {
      rgb[i] = blended[rgb[i] & 0xFF];
    }
  }

  /** Pillow's Image.blend: single precision, truncated, clipped to a byte. */
  private static byte blend(int grey, int value, float factor) {
    int blended = (int) (grey + factor * (value - grey));
    return (byte) Math.max(0, Math.min(255, blended));
  }

  private static int meanGrey(byte[] rgb) {
    long sum = 0;
    for (int i = 0; i < rgb.length; i += 3) {
      sum += grey(rgb, i);
    }
    double pixels = rgb.length / 3.0;
    return (int) (sum / pixels + 0.5);
  }

  /** Pillow's conversion to "L" of the pixel at i: ITU-R 601 luma in 16-bit fixed point. */
  private static int grey(byte[] rgb, int i) {
    return (19595 * (rgb[i] & 0xFF)
            + 38470 * (rgb[i + 1] & 0xFF)
            + 7471 * (rgb[i + 2] & 0xFF)
            + 0x8000)
        >> 16;
  }
}
