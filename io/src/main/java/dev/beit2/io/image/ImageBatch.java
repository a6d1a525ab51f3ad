package dev.beit2.io.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.List;

/**
 * Images of one size for a network, [capacity, 3, S, S] in [0, 1]: native memory that is used again
 * and again.
 */
public final class ImageBatch {
  private final int side;
  private final ByteBuffer memory;
  private final FloatBuffer pixels;
  private final String[] keys;

  /**
   * @param side of the images in pixels, S
   */
  public ImageBatch(int capacity, int side) {
    this.side = side;
    this.memory =
        ByteBuffer.allocateDirect(Math.toIntExact((long) Float.BYTES * capacity * pixelsOfOne()))
            .order(ByteOrder.nativeOrder());
    this.pixels = memory.asFloatBuffer();
    this.keys = new String[capacity];
  }

  private int pixelsOfOne() {
    return 3 * side * side;
  }

  public int side() {
    return side;
  }

  /** Puts a image of S by S pixels into a slot; other slots may be written at the same time. */
  public void put(int slot, RgbImage image) {
    if (image.width() != side || image.height() != side) {
      throw new IllegalArgumentException(image + " is not " + side + "x" + side);
    }
    image.toTensor(pixels.duplicate().position(slot * pixelsOfOne()));
  }

  /** The same, with the image's key. */
  public void put(int slot, String key, RgbImage image) {
    put(slot, image);
    keys[slot] = key;
  }

  /** The keys of the first images, where they were put with one. */
  public List<String> keys(int count) {
    return Arrays.asList(keys).subList(0, count);
  }

  /** The first images, float32 [count, 3, S, S]. */
  public ByteBuffer first(int count) {
    return slots(0, count);
  }

  /** {@code count} images from {@code slot} on, float32 [count, 3, S, S]. */
  public ByteBuffer slots(int slot, int count) {
    int bytesOfOne = Float.BYTES * pixelsOfOne();
    return memory.slice(slot * bytesOfOne, count * bytesOfOne).order(ByteOrder.nativeOrder());
  }
}
