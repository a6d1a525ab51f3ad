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
