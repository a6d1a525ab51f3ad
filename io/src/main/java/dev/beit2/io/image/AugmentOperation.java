package dev.beit2.io.image;

/**
 * The operations of RandAugment, byte-identical to Pillow's. Their arguments grow with the
 * magnitude, 0 to 10, as in timm's {@code auto_augment.py} ("inc1").
 */
enum AugmentOperation {
  /** Spreads the values of each channel over 0 … 255. */
  AUTO_CONTRAST,
  /** Makes all values of a channel equally frequent. */
  EQUALIZE,
  INVERT,
  /** By up to 30°. */
  ROTATE,
  /** Keeps 4 to 0 bits. */
  POSTERIZE,
  /** Inverts values of at least 256 to 0. */
  SOLARIZE,
  /** Adds up to 110 to values below 128. */
  SOLARIZE_ADD,
  /** Saturation by a factor of up to 1 ± 0.9. */
  COLOR,
  CONTRAST,
  BRIGHTNESS,
  SHARPNESS,
  /** By up to 0.3. */
  SHEAR_X,
  SHEAR_Y,
  /** By up to 0.45 of the side. */
  TRANSLATE_X,
  TRANSLATE_Y;

  private static final double LARGEST = 10;
  private static final int VALUES = 256;

  /** ImageNet's mean colour, which is put where an image does not reach. */
  private static final byte[] FILL = {124, 116, 104};

  /**
   * The operation's argument.
   *
   * @param magnitude 0 to 10
   * @param negative whether the change is in the other direction, if there are two
   */
  double argument(double magnitude, boolean negative) {
    double part = magnitude / LARGEST;
    double sign = negative ? -1 : 1;
    return switch (this) {
      case AUTO_CONTRAST, EQUALIZE, INVERT -> 0;
      case ROTATE -> sign * (part * 30);
      case POSTERIZE -> 4 - (int) (part * 4);
      case SOLARIZE -> 256 - (int) (part * 256);
      case SOLARIZE_ADD -> (int) (part * 110);
      case COLOR, CONTRAST, BRIGHTNESS, SHARPNESS -> 1 + sign * (part * 0.9);
      case SHEAR_X, SHEAR_Y -> sign * (part * 0.3);
      case TRANSLATE_X, TRANSLATE_Y -> sign * (part * 0.45);
    };
  }

  /** Applies it to an image, with an {@link #argument}. */
  RgbImage apply(RgbImage image, double argument) {
    return switch (this) {
      case AUTO_CONTRAST -> autoContrast(image);
      case EQUALIZE -> equalize(image);
      case INVERT -> lookUp(image, value -> 255 - value);
      case ROTATE -> BicubicTransform.rotate(image, argument, FILL);
      case POSTERIZE -> lookUp(image, value -> value & -(1 << (8 - (int) argument)));
      case SOLARIZE -> lookUp(image, value -> value < argument ? value : 255 - value);
      case SOLARIZE_ADD ->
          lookUp(image, value -> value < 128 ? Math.min(255, value + (int) argument) : value);
      case COLOR -> jitter(image, 1, 1, argument);
      case CONTRAST -> jitter(image, 1, argument, 1);
      case BRIGHTNESS -> jitter(image, argument, 1, 1);
      case SHARPNESS -> sharpen(image, (float) argument);
      case SHEAR_X -> affine(image, 1, argument, 0, 0, 1, 0);
      case SHEAR_Y -> affine(image, 1, 0, 0, argument, 1, 0);
      case TRANSLATE_X -> affine(image, 1, 0, argument * image.width(), 0, 1, 0);
      case TRANSLATE_Y -> affine(image, 1, 0, 0, 0, 1, argument * image.height());
    };
  }

  private static RgbImage affine(RgbImage image, double... matrix) {
    return BicubicTransform.affine(image, matrix, FILL);
  }

  private static RgbImage jitter(
      RgbImage image, double brightness, double contrast, double saturation) {
    View whole =
        new View(
            0,
            0,
            image.width(),
            image.height(),
            false,
            (float) brightness,
            (float) contrast,
            (float) saturation,
            (byte) 0);
    return ColorJitter.crop(image, whole, 0, 0, image.width(), image.height());
  }

  private interface Lookup {
    int at(int value);
  }

  private static RgbImage lookUp(RgbImage image, Lookup lookup) {
    byte[] table = table(lookup);
    return lookUp(image, new byte[][] {table, table, table});
  }

  private static byte[] table(Lookup lookup) {
    byte[] table = new byte[VALUES];
    for (int value = 0; value < VALUES; value++) {
      table[value] = (byte) lookup.at(value);
    }
    return table;
  }

  /** Changes each channel by a table of its own. */
  private static RgbImage lookUp(RgbImage image, byte[][] tables) {
    byte[] rgb = new byte[image.rgb().length];
    for (int channel = 0; channel < 3; channel++) {
      byte[] table = tables[channel];
      for (int i = channel; i < rgb.length; i += 3) {
        rgb[i] = table[image.rgb()[i] & 0xFF];
      }
    }
    return new RgbImage(image.width(), image.height(), rgb);
  }

  private static int[] histogram(RgbImage image, int channel) {
    int[] counts = new int[VALUES];
    for (int i = channel; i < image.rgb().length; i += 3) {
      counts[image.rgb()[i] & 0xFF]++;
    }
    return counts;
  }

  /** Pillow's {@code ImageOps.autocontrast}. */
  private static RgbImage autoContrast(RgbImage image) {
    byte[][] tables = new byte[3][];
    for (int channel = 0; channel < 3; channel++) {
      int[] counts = histogram(image, channel);
      int lowest = 0;
      while (counts[lowest] == 0) {
        lowest++;
      }
      int highest = VALUES - 1;
      while (counts[highest] == 0) {
        highest--;
      }
      if (highest <= lowest) {
        tables[channel] = table(value -> value);
      } else {
        double scale = 255.0 / (highest - lowest);
        double offset = -lowest * scale;
        tables[channel] =
            table(value -> Math.max(0, Math.min(255, (int) (value * scale + offset))));
      }
    }
    return lookUp(image, tables);
  }

  /** Pillow's {@code ImageOps.equalize}. */
  private static RgbImage equalize(RgbImage image) {
    byte[][] tables = new byte[3][VALUES];
    for (int channel = 0; channel < 3; channel++) {
      int[] counts = histogram(image, channel);
      int last = 0;
      for (int count : counts) {
        last = count == 0 ? last : count;
      }
      int step = (image.width() * image.height() - last) / 255;
      if (step == 0) {
        tables[channel] = table(value -> value);
        continue;
      }
      int sum = step / 2;
      for (int value = 0; value < VALUES; value++) {
        tables[channel][value] = (byte) Math.min(255, sum / step);
        sum += counts[value];
      }
    }
    return lookUp(image, tables);
  }

  /** Blends an image with a smooth copy: Pillow's {@code ImageEnhance.Sharpness}. */
  private static RgbImage sharpen(RgbImage image, float factor) {
    byte[] sharp = image.rgb();
    byte[] rgb = sharp.clone();
    int stride = 3 * image.width();
    // The copy's edges are those of the image.
    for (int y = 1; y < image.height() - 1; y++) {
      for (int i = y * stride + 3; i < (y + 1) * stride - 3; i++) {
        int sum =
            row(sharp, i - stride) + row(sharp, i) + row(sharp, i + stride) + 4 * (sharp[i] & 0xFF);
        // Rounded; no sum is half way between two whole numbers.
        int smooth = (2 * sum + 13) / 26;
        float blended = smooth + factor * ((sharp[i] & 0xFF) - smooth);
        rgb[i] = (byte) Math.max(0, Math.min(255, (int) blended));
      }
    }
    return new RgbImage(image.width(), image.height(), rgb);
  }

  /** The sum of a value and its neighbours on both sides. */
  private static int row(byte[] rgb, int at) {
    return (rgb[at - 3] & 0xFF) + (rgb[at] & 0xFF) + (rgb[at + 3] & 0xFF);
  }
}
