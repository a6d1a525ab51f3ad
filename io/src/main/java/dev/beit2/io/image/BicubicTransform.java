package dev.beit2.io.image;

import java.math.BigDecimal;
import java.math.RoundingMode;

/**
 * Pillow's {@code Image.transform(size, AFFINE, matrix, BICUBIC, fillcolor)} of 8-bit images
 * (libImaging/Geometry.c), with byte-identical results: cubic interpolation with a = −1 between 4 ×
 * 4 pixels, without antialiasing. A pixel whose origin is outside of the image gets the fill
 * colour.
 */
final class BicubicTransform {
  private static final int TAPS = 4;

  private final RgbImage image;
  private final byte[] fill;
  private final int[] columns = new int[TAPS];

  private BicubicTransform(RgbImage image, byte[] fill) {
    this.image = image;
    this.fill = fill;
  }

  /**
   * Transforms an image; its size does not change.
   *
   * @param m six numbers: the pixel with centre (x, y) comes from (m0·x + m1·y + m2, m3·x + m4·y +
   *     m5)
   * @param fill red, green and blue
   */
  static RgbImage affine(RgbImage image, double[] m, byte[] fill) {
    BicubicTransform transform = new BicubicTransform(image, fill);
    byte[] rgb = new byte[image.rgb().length];
    int at = 0;
    for (int row = 0; row < image.height(); row++) {
      double y = row + 0.5;
      for (int column = 0; column < image.width(); column++) {
        double x = column + 0.5;
        transform.put(m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], rgb, at);
        at += 3;
      }
    }
    return new RgbImage(image.width(), image.height(), rgb);
  }

  /**
   * Rotates an image around its centre, as Pillow's {@code Image.rotate} does.
   *
   * @param degrees counter-clockwise
   */
  static RgbImage rotate(RgbImage image, double degrees, byte[] fill) {
    // Python's remainder is not negative.
    double turned = degrees % 360;
    turned = turned < 0 ? turned + 360 : turned;
    if (turned == 0) {
      return image;
    }
    double angle = -(turned * (Math.PI / 180));
    double cos = rounded(StrictMath.cos(angle));
    double sin = rounded(StrictMath.sin(angle));
    double minusSin = rounded(-StrictMath.sin(angle));
    double centreX = image.width() / 2.0;
    double centreY = image.height() / 2.0;
    double[] matrix = {
      cos,
      sin,
      cos * -centreX + sin * -centreY + centreX,
      minusSin,
      cos,
      minusSin * -centreX + cos * -centreY + centreY
    };
    return affine(image, matrix, fill);
  }

  /** To 15 decimal places, as Pillow rounds sines and cosines. */
  private static double rounded(double value) {
    return new BigDecimal(value).setScale(15, RoundingMode.HALF_EVEN).doubleValue();
  }

  private void put(double x, double y, byte[] rgb, int at) {
    if (!(x >= 0 && x < image.width() && y >= 0 && y < image.height())) {
      System.arraycopy(fill, 0, rgb, at, 3);
      return;
    }
    // Between the centres of pixels.
    int left = (int) Math.floor(x - 0.5);
    int top = (int) Math.floor(y - 0.5);
    double right = x - 0.5 - left;
    double down = y - 0.5 - top;
    for (int i = 0; i < TAPS; i++) {
      columns[i] = 3 * clamp(left - 1 + i, image.width());
    }
    int stride = 3 * image.width();
    int row0 = stride * clamp(top - 1, image.height());
    int row1 = stride * clamp(top, image.height());
    int row2 = stride * clamp(top + 1, image.height());
    int row3 = stride * clamp(top + 2, image.height());
    for (int channel = 0; channel < 3; channel++) {
      double value =
          cubic(
              across(row0 + channel, right),
              across(row1 + channel, right),
              across(row2 + channel, right),
              across(row3 + channel, right),
              down);
      rgb[at + channel] = (byte) (int) Math.max(0, Math.min(255, value));
    }
  }

  private double across(int row, double distance) {
    byte[] rgb = image.rgb();
    return cubic(
        rgb[row + columns[0]] & 0xFF,
        rgb[row + columns[1]] & 0xFF,
        rgb[row + columns[2]] & 0xFF,
        rgb[row + columns[3]] & 0xFF,
        distance);
  }

  /** The operations are Pillow's, in its order. */
  private static double cubic(double v1, double v2, double v3, double v4, double distance) {
    double p2 = -v1 + v3;
    double p3 = 2 * (v1 - v2) + v3 - v4;
    double p4 = -v1 + v2 - v3 + v4;
    return v2 + distance * (p2 + distance * (p3 + distance * p4));
  }

  private static int clamp(int index, int size) {
    return Math.max(0, Math.min(size - 1, index));
  }
}
