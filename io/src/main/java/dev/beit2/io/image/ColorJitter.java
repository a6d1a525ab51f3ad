package dev.beit2.io.image;

import java.util.List;

/**
 * Brightness, contrast and saturation as Pillow's ImageEnhance changes them, to the byte: a blend
 * of the picture with black, with its mean grey, or with its grey version. A factor of 1 leaves a
 * step out.
 *
 * <p>Brightness and contrast change each channel by a table. So whatever the order, a pixel goes
 * through one table, the change of saturation, and another table.
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

  private static final int VALUES = 256;

  private final int[] before = identity();
  private final int[] after = identity();

  /** By 255 + value − grey: what saturation adds to the grey; null while it changes nothing. */
  private float[] saturation;

  private ColorJitter() {}

  /** Whether the view changes colours at all. */
  static boolean changes(View view) {
    return view.brightness() != 1 || view.contrast() != 1 || view.saturation() != 1;
  }

  /**
   * The pixels of a box within the picture as they are after the view's jitter of the whole
   * picture.
   */
  static RgbImage crop(RgbImage picture, View view, int left, int top, int width, int height) {
    ColorJitter jitter = of(view, picture);
    byte[] rgb = new byte[3 * width * height];
    int to = 0;
    for (int y = top; y < top + height; y++) {
      int from = 3 * (y * picture.width() + left);
      for (int end = from + 3 * width; from < end; from += 3) {
        int pixel = jitter.apply(picture.rgb(), from);
        rgb[to] = (byte) pixel;
        rgb[to + 1] = (byte) (pixel >> 8);
        rgb[to + 2] = (byte) (pixel >> 16);
        to += 3;
      }
    }
    return new RgbImage(width, height, rgb);
  }

  private static ColorJitter of(View view, RgbImage picture) {
    ColorJitter jitter = new ColorJitter();
    int[] table = jitter.before;
    for (Step step : ORDERS.get(view.jitterOrder())) {
      switch (step) {
        case BRIGHTNESS -> blendAll(table, 0, view.brightness());
        case CONTRAST -> {
          if (view.contrast() != 1) {
            blendAll(table, jitter.meanGrey(picture.rgb()), view.contrast());
          }
        }
        case SATURATION -> {
          if (view.saturation() != 1) {
            jitter.saturation = saturation(view.saturation());
            table = jitter.after;
          }
        }
      }
    }
    return jitter;
  }

  private static int[] identity() {
    int[] table = new int[VALUES];
    for (int value = 0; value < VALUES; value++) {
      table[value] = value;
    }
    return table;
  }

  private static float[] saturation(float factor) {
    float[] table = new float[2 * VALUES - 1];
    for (int difference = 1 - VALUES; difference < VALUES; difference++) {
      table[VALUES - 1 + difference] = factor * difference;
    }
    return table;
  }

  private static void blendAll(int[] table, int grey, float factor) {
    if (factor != 1) {
      for (int value = 0; value < VALUES; value++) {
        table[value] = clip(grey + factor * (table[value] - grey));
      }
    }
  }

  /** Pillow's Image.blend: single precision, truncated, clipped to a byte. */
  private static int clip(float blended) {
    return Math.max(0, Math.min(255, (int) blended));
  }

  /** The pixel at i after the steps so far: red, green and blue from the low byte up. */
  private int apply(byte[] rgb, int i) {
    int red = before[rgb[i] & 0xFF];
    int green = before[rgb[i + 1] & 0xFF];
    int blue = before[rgb[i + 2] & 0xFF];
    if (saturation != null) {
      int grey = grey(red, green, blue);
      int zero = VALUES - 1 - grey;
      red = after[clip(grey + saturation[zero + red])];
      green = after[clip(grey + saturation[zero + green])];
      blue = after[clip(grey + saturation[zero + blue])];
    }
    return red | green << 8 | blue << 16;
  }

  /** Of the whole picture after the steps so far. */
  private int meanGrey(byte[] rgb) {
    long sum = 0;
    for (int i = 0; i < rgb.length; i += 3) {
      int pixel = apply(rgb, i);
      sum += grey(pixel & 0xFF, pixel >> 8 & 0xFF, pixel >> 16);
    }
    double pixels = rgb.length / 3.0;
    return (int) (sum / pixels + 0.5);
  }

  /** Pillow's conversion to "L": ITU-R 601 luma in 16-bit fixed point. */
  private static int grey(int red, int green, int blue) {
    return (19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16;
  }
}
