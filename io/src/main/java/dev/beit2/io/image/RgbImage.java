package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.BicubicResize.Taps;
import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * An image of 8-bit RGB pixels.
 *
 * @param width pixels a row, at least 1
 * @param height rows, at least 1
 * @param rgb [height, width, 3]; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // Copying every image for immutability's sake is waste.
public record RgbImage(int width, int height, byte[] rgb) {
  /** By value: value/255. */
  private static final float[] FRACTIONS = fractions();

  public RgbImage {
    requireNonNull(rgb, "rgb is null");
    if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
      throw new IllegalArgumentException(
          rgb.length + " bytes are no RGB image of " + width + "x" + height);
    }
  }

  /**
   * Resizes a box of the image as Pillow's {@code Image.resize(size, BICUBIC, box)} does, with
   * byte-identical results: bicubic with a = −0.5, antialiased. Pixels around the box contribute to
   * its edges.
   */
  public RgbImage resize(
      int left, int top, int width, int height, int outputWidth, int outputHeight) {
    checkBox(left, top, width, height);
    if (outputWidth < 1 || outputHeight < 1) {
      throw new IllegalArgumentException("output is " + outputWidth + "x" + outputHeight);
    }
    return BicubicResize.resize(
        this,
        0,
        0,
        Taps.of(this.width, left, width, outputWidth, 0, outputWidth),
        Taps.of(this.height, top, height, outputHeight, 0, outputHeight),
        false);
  }

  /**
   * Puts the image as planes [3, height, width] of value/255, in [0, 1], at the buffer's position,
   * and advances the position past them.
   */
  public void toTensor(FloatBuffer destination) {
    int pixels = width * height;
    int start = destination.position();
    float[] red = new float[width];
    float[] green = new float[width];
    float[] blue = new float[width];
    int from = 0;
    for (int row = start; row < start + pixels; row += width) {
      for (int x = 0; x < width; x++) {
        red[x] = FRACTIONS[rgb[from] & 0xFF];
        green[x] = FRACTIONS[rgb[from + 1] & 0xFF];
        blue[x] = FRACTIONS[rgb[from + 2] & 0xFF];
        from += 3;
      }
      destination.put(row, red);
      destination.put(row + pixels, green);
      destination.put(row + 2 * pixels, blue);
    }
    destination.position(start + 3 * pixels);
  }

  private static float[] fractions() {
    float[] fractions = new float[256];
    for (int value = 0; value < fractions.length; value++) {
      fractions[value] = value / 255f;
    }
    return fractions;
  }

  private void checkBox(int left, int top, int width, int height) {
    if (left < 0
        || top < 0
        || width < 1
        || height < 1
        || width > this.width - left
        || height > this.height - top) {
      throw new IllegalArgumentException(
          String.format(
              "box %d+%d,%d+%d is not within the image of %dx%d",
              left, width, top, height, this.width, this.height));
    }
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof RgbImage that
        && width == that.width
        && height == that.height
        && Arrays.equals(rgb, that.rgb);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * width + height) + Arrays.hashCode(rgb);
  }

  @Override
  public String toString() {
    return "RgbImage[" + width + "x" + height + "]";
  }
}
