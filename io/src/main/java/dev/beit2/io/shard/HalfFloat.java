package dev.beit2.io.shard;

/** IEEE 754 half precision. Java has it from version 20 on. */
final class HalfFloat {
  /** The smallest normal number is 2 to this power, and the smallest positive one 2^-24. */
  private static final int MIN_EXPONENT = -14;

  private HalfFloat() {}

  /** The nearest half, ties to even; infinity from 65,520 on. */
  static short of(float value) {
    int sign = Float.floatToRawIntBits(value) >>> 16 & 0x8000;
    if (Float.isNaN(value)) {
      return (short) (sign | 0x7e00);
    }
    double size = Math.abs((double) value);
    if (size >= 65520) {
      return (short) (sign | 0x7c00);
    }
    int exponent = Math.max(Math.getExponent(size), MIN_EXPONENT);
    // In units of the last bit. A carry into the exponent is what rounding up has to give.
    int bits = (int) Math.rint(Math.scalb(size, 10 - exponent));
    return (short) (sign | ((exponent - MIN_EXPONENT) << 10) + bits);
  }

  static float toFloat(short half) {
    int exponent = half >>> 10 & 0x1f;
    int fraction = half & 0x3ff;
    float size;
    if (exponent == 0x1f) {
      size = fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
    } else if (exponent == 0) {
      size = fraction * 0x1p-24f;
    } else {
      size = Float.intBitsToFloat((exponent + 112) << 23 | fraction << 13);
    }
    return half < 0 ? -size : size;
  }
}
