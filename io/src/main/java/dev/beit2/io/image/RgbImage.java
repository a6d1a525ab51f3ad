package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import java.nio.FloatBuffer;
import java.util.Arrays;

/**
 * A picture of 8-bit RGB pixels.
 *
 * @param width pixels a row, at least 1
 * @param height rows, at least 1
 * @param rgb [height, width, 3]; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // Copying every picture for immutability's sake is waste.
public record RgbImage(int width, int height, byte[] rgb) {
  public RgbImage {
    requireNonNull(rgb, "rgb is null");
    if (width < 1 || height < 1 || rgb.length != 3L * width * height) {
      throw new IllegalArgumentException(
          rgb.length + " bytes are no RGB image of " + width + "x" + height);
    }
  }

  /** The pixels of a box that lies within the picture. */
  public RgbImage crop(int left, int top, int width, int height) {
    checkBox(left, top, width, height);
    byte[] cropped = new byte[3 * width * height];
    for (int y = 0; y < height; y++) {
      int from = 3 * ((top + y) * this.width + left);
      System.arraycopy(rgb, from, cropped, 3 * y * width, 3 * width);
    }
    return new RgbImage(width, height, cropped);
  }

  /**
   * Resizes a box of the picture as Pillow's {@code Image.resize(size, BICUBIC, box)} does, to the
   * byte: bicubic with a = −0.5, antialiased. Pixels around the box have their part in its edges;
   * {@link #crop} first to leave them out.
   */
  public RgbImage resize(
      int left, int top, int width, int height, int outputWidth, int outputHeight) {
    checkBox(left, top, width, height);
    return BicubicResize.resize(this, left, top, width, height, outputWidth, outputHeight);
  }

  /**
   * The view's picture, [size, size, 3]: colour jitter on the whole picture, crop, bicubic resize,
   * flip, as in the official pretraining transform (beit2/datasets.py).
   */
  public RgbImage render(View view, int size) {
    RgbImage picture =
        ColorJitter.apply(this, view)
            .crop(view.left(), view.top(), view.width(), view.height())
            .resize(0, 0, view.width(), view.height(), size, size);
    return view.flip() ? picture.mirrored() : picture;
  }

  /** The picture with left and right exchanged. */
  public RgbImage mirrored() {
    byte[] mirrored = new byte[rgb.length];
    for (int y = 0; y < height; y++) {
      int row = 3 * y * width;
      for (int x = 0; x < width; x++) {
        int from = row + 3 * (width - 1 - x);
        int to = row + 3 * x;
        mirrored[to] = rgb[from];
        mirrored[to + 1] = rgb[from + 1];
        mirrored[to + 2] = rgb[from + 2];
      }
    }
    return new RgbImage(width, height, mirrored);
  }

  /**
   * Puts the picture as planes [3, height, width] of value/255, in [0, 1], at the buffer's position
   * and moves that behind them.
   */
  public void toTensor(FloatBuffer destination) {
    int pixels = width * height;
    int start = destination.position();
    for (int channel = 0; channel < 3; channel++) {
      int plane = start + channel * pixels;
      for (int i = 0; i < pixels; i++) {
        destination.put(plane + i, (rgb[3 * i + channel] & 0xFF) / 255f);
      }
    }
    destination.position(start + 3 * pixels);
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
              "box %d+%d,%d+%d is not within the picture of %dx%d",
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
