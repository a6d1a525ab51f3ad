package dev.beit2.io.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Images of one size for a network, [capacity, 3, S, S] in [0, 1], in native memory that is reused.
 */
public final class ImageBatch {
  private final int side;
  private final ByteBuffer memory;
  private final FloatBuffer pixels;
  private final String[] keys;

  /**
   * @param capacity the number of slots
   * @param side width and height of every image in pixels, S
   */
  public ImageBatch(int capacity, int side) {
    this.side = side;
    this.memory =
        ByteBuffer.allocateDirect(Math.toIntExact((long) Float.BYTES * capacity * floatsPerImage()))
            .order(ByteOrder.nativeOrder());
    this.pixels = memory.asFloatBuffer();
    this.keys = new String[capacity];
  }

  private int floatsPerImage() {
    return 3 * side * side;
  }

  /** Width and height of every image in pixels. */
  public int side() {
    return side;
  }

  /**
   * Writes an image into a slot. Several threads may write different slots at the same time.
   *
   * @param slot in [0, capacity)
   * @throws IllegalArgumentException if the image is not S x S pixels
   */
  public void put(int slot, RgbImage image) {
    if (image.width() != side || image.height() != side) {
      throw new IllegalArgumentException(image + " is not " + side + "x" + side);
    }
    image.toTensor(pixels.duplicate().position(slot * floatsPerImage()));
  }

  /** Writes an image into a slot and remembers the image's key. */
  public void put(int slot, String key, RgbImage image) {
    put(slot, image);
    keys[slot] = key;
  }

  /**
   * Writes a part of an image at the top left of a slot, and a colour around it.
   *
   * @param image with the part
   * @param left the part's first column
   * @param top the part's first row
   * @param width the part's columns, at most S
   * @param height the part's rows, at most S
   * @param colour of the rest by channel, in [0, 1]
   */
  public void put(
      int slot, RgbImage image, int left, int top, int width, int height, float[] colour) {
    FloatBuffer values = image(slot);
    byte[] rgb = image.rgb();
    float[] row = new float[side];
    for (int channel = 0; channel < 3; channel++) {
      for (int y = 0; y < side; y++) {
        Arrays.fill(row, colour[channel]);
        for (int x = 0; y < height && x < width; x++) {
          row[x] = (rgb[3 * ((top + y) * image.width() + left + x) + channel] & 0xFF) / 255f;
        }
        values.put((channel * side + y) * side, row);
      }
    }
  }

  /** Remembers the key of the image in a slot. */
  public void name(int slot, String key) {
    keys[slot] = key;
  }

  /** The values of the image in a slot, [3, S, S], from the buffer's position on; a view. */
  public FloatBuffer image(int slot) {
    return pixels.slice(slot * floatsPerImage(), floatsPerImage());
  }

  /** The keys of the first {@code count} images, null for an image that was put without a key. */
  public List<String> keys(int count) {
    return Arrays.asList(keys).subList(0, count);
  }

  /** The first {@code count} images, {@code [count, 3, S, S]}; a view, not a copy. */
  public ByteBuffer first(int count) {
    return slots(0, count);
  }

  /**
   * {@code count} images starting at {@code slot}, {@code [count, 3, S, S]}; a view, not a copy.
   */
  public ByteBuffer slots(int slot, int count) {
    int bytesPerImage = Float.BYTES * floatsPerImage();
    return memory.slice(slot * bytesPerImage, count * bytesPerImage).order(ByteOrder.nativeOrder());
  }
}
