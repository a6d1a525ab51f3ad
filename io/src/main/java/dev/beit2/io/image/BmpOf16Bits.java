package dev.beit2.io.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * BMPs with 5 bits per channel, or 6 of green. OpenCV appends zeros to them, so that white becomes
 * 248; Pillow scales them to 255.
 */
final class BmpOf16Bits {
  private static final int BITS = 28;
  private static final int COMPRESSION = 30;
  private static final int GREEN_MASK = 58;
  private static final int OLDEST_HEADER = 12;
  private static final int MASKS = 3;
  private static final int GREEN_OF_6_BITS = 0x7E0;

  private BmpOf16Bits() {}

  /** Scales the pixels that OpenCV has decoded, [height, width, 3]; leaves other BMPs alone. */
  static void scale(byte[] bmp, byte[] rgb) {
    ByteBuffer header = ByteBuffer.wrap(bmp).order(ByteOrder.LITTLE_ENDIAN);
    if (header.getInt(14) == OLDEST_HEADER || header.getShort(BITS) != 16) {
      return;
    }
    boolean green6 =
        header.getInt(COMPRESSION) == MASKS && header.getInt(GREEN_MASK) == GREEN_OF_6_BITS;
    byte[] five = scaled(3, 31);
    byte[] green = green6 ? scaled(2, 63) : five;
    for (int i = 0; i < rgb.length; i += 3) {
      rgb[i] = five[rgb[i] & 0xFF];
      rgb[i + 1] = green[rgb[i + 1] & 0xFF];
      rgb[i + 2] = five[rgb[i + 2] & 0xFF];
    }
  }

  /** The values for all bytes, whose upper bits are a number from 0 to {@code most}. */
  private static byte[] scaled(int zeros, int most) {
    byte[] values = new byte[256];
    for (int i = 0; i < values.length; i++) {
      values[i] = (byte) ((i >> zeros) * 255 / most);
    }
    return values;
  }
}
