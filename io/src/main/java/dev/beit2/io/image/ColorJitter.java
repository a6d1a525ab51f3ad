package dev.beit2.io.image;

import java.util.List;

/**
 * Changes brightness, contrast and saturation as Pillow's ImageEnhance does, with byte-identical
 * results: a blend of the image with black, with its mean grey, or with its grey version. A factor
 * of 1 skips a step.
 *
 * <p>Brightness and contrast change each channel by a lookup table. So, whatever the order, a pixel
 * goes through one table, the change of saturation, and a second table. Rows are processed as
 * planes of ints, so that the compiler can use vector instructions where there is no table.
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

  /** Null while saturation changes nothing. */
  private Saturation saturation;

  private final int[] red;
  private final int[] green;
  private final int[] blue;
  private final int[] grey;

  private ColorJitter(int width) {
    this.red = new int[width];
    this.green = new int[width];
    this.blue = new int[width];
    this.grey = new int[width];
  }

  /** Whether the view changes colours at all. */
  static boolean changes(View view) {
    return view.brightness() != 1 || view.contrast() != 1 || view.saturation() != 1;
  }

  /** The pixels of a box in the image after the view's jitter of the whole image. */
  static RgbImage crop(RgbImage image, View view, int left, int top, int width, int height) {
    ColorJitter jitter = of(view, image);
    byte[] rgb = new byte[3 * width * height];
    for (int y = 0; y < height; y++) {
      jitter.load(image.rgb(), 3 * ((top + y) * image.width() + left), width);
      jitter.store(rgb, 3 * y * width, width);
    }
    return new RgbImage(width, height, rgb);
  }

  private static ColorJitter of(View view, RgbImage image) {
    ColorJitter jitter = new ColorJitter(image.width());
    int[] table = jitter.before;
    for (Step step : ORDERS.get(view.jitterOrder())) {
      switch (step) {
        case BRIGHTNESS -> blendAll(table, 0, view.brightness());
        case CONTRAST -> {
          if (view.contrast() != 1) {
            blendAll(table, jitter.meanGrey(image), view.contrast());
          }
        }
        case SATURATION -> {
          if (view.saturation() != 1) {
            jitter.saturation = new Saturation(view.saturation());
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

  /** This many pixels, before the second table. */
  private void load(byte[] rgb, int from, int count) {
    int at = from;
    for (int i = 0; i < count; i++) {
      red[i] = before[rgb[at] & 0xFF];
      green[i] = before[rgb[at + 1] & 0xFF];
      blue[i] = before[rgb[at + 2] & 0xFF];
      at += 3;
    }
    if (saturation != null) {
      toGrey(red, green, blue, grey, count);
      saturation.change(red, grey, count);
      saturation.change(green, grey, count);
      saturation.change(blue, grey, count);
    }
  }

  private void store(byte[] rgb, int to, int count) {
    int at = to;
    for (int i = 0; i < count; i++) {
      rgb[at] = (byte) after[red[i]];
      rgb[at + 1] = (byte) after[green[i]];
      rgb[at + 2] = (byte) after[blue[i]];
      at += 3;
    }
  }

  /** The mean grey of the whole image after the steps so far. */
  private int meanGrey(RgbImage image) {
    int[] luma = new int[image.width()];
    long sum = 0;
    for (int y = 0; y < image.height(); y++) {
      load(image.rgb(), 3 * y * image.width(), image.width());
      if (saturation != null) {
        lookUp(red);
        lookUp(green);
        lookUp(blue);
      }
      toGrey(red, green, blue, luma, image.width());
      for (int value : luma) {
        sum += value;
      }
    }
    double pixels = (double) image.width() * image.height();
    return (int) (sum / pixels + 0.5);
  }

  private void lookUp(int[] values) {
    for (int i = 0; i < values.length; i++) {
      values[i] = after[values[i]];
    }
  }

  /** Pillow's conversion to "L": ITU-R 601 luma in 16-bit fixed point. */
  private static void toGrey(int[] red, int[] green, int[] blue, int[] grey, int count) {
    for (int i = 0; i < count; i++) {
      grey[i] = (19595 * red[i] + 38470 * green[i] + 7471 * blue[i] + 0x8000) >> 16;
    }
  }

  /** Blends each value of a plane with its pixel's grey. */
  private static final class Saturation {
    private static final int PRECISION = 22;

    /** A difference times a factor must fit into an int. */
    private static final float LARGEST = 2;

    /** Half the distance between floats below 1024. */
    private static final double ROUNDING = 1.0 / (1 << 15);

    private final float factor;
    private final int fixed;
    private final boolean exact;

    Saturation(float factor) {
      this.factor = factor;
      this.fixed = (int) (Math.min(factor, LARGEST) * (1 << PRECISION));
      this.exact = isExact(factor, fixed);
    }

    /**
     * Whether fixed point gives what single precision does: for each difference of a value and a
     * grey, the same whole number below their product, which the sum with the grey is not rounded
     * over.
     */
    private static boolean isExact(float factor, int fixed) {
      if (factor > LARGEST) {
        return false;
      }
      for (int difference = 1 - VALUES; difference < VALUES; difference++) {
        double product = factor * difference;
        double whole = Math.floor(product);
        if (whole != fixed * difference >> PRECISION || product - whole > 1 - 2 * ROUNDING) {
          return false;
        }
      }
      return true;
    }

    void change(int[] values, int[] grey, int count) {
      if (exact) {
        changeFixed(values, grey, count, fixed);
      } else {
        for (int i = 0; i < count; i++) {
          values[i] = clip(grey[i] + factor * (values[i] - grey[i]));
        }
      }
    }

    private static void changeFixed(int[] values, int[] grey, int count, int fixed) {
      for (int i = 0; i < count; i++) {
        int value = grey[i] + (fixed * (values[i] - grey[i]) >> PRECISION);
        value &= ~(value >> 31);
        values[i] = (value | (255 - value) >> 31) & 0xFF;
      }
    }
  }
}
