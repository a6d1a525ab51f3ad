package dev.beit2.model.checkpoint;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.stream.Stream;

/** The types of numbers in a PyTorch file. Those of a network become float32 or int64. */
enum TorchType {
  FLOAT64("DoubleStorage", "float64", "F64", 8),
  FLOAT32("FloatStorage", "float32", "F32", 4),
  FLOAT16("HalfStorage", "float16", "F16", 2),
  BFLOAT16("BFloat16Storage", "bfloat16", "BF16", 2),
  INT64("LongStorage", "int64", "I64", 8),
  INT32("IntStorage", "int32", "I32", 4),
  INT16("ShortStorage", "int16", "I16", 2),
  INT8("CharStorage", "int8", "I8", 1),
  UINT8("ByteStorage", "uint8", "U8", 1),
  BOOL("BoolStorage", "bool", "BOOL", 1),
  /** Bytes, whose type the tensor says. */
  UNTYPED("UntypedStorage", "", "", 1);

  private final String storage;
  private final String dtype;
  private final String safetensors;
  private final int bytes;

  TorchType(String storage, String dtype, String safetensors, int bytes) {
    this.storage = storage;
    this.dtype = dtype;
    this.safetensors = safetensors;
    this.bytes = bytes;
  }

  /** The type of a storage's class, such as {@code FloatStorage}. */
  static Optional<TorchType> ofStorage(String className) {
    return Stream.of(values()).filter(type -> type.storage.equals(className)).findFirst();
  }

  /** The type with PyTorch's name, such as {@code float32}. */
  static Optional<TorchType> ofName(String name) {
    return Stream.of(values())
        .filter(type -> type != UNTYPED && type.dtype.equals(name))
        .findFirst();
  }

  /**
   * The type with the safetensors format's name, such as {@code F32}.
   *
   * @throws java.util.NoSuchElementException if there is none
   */
  static TorchType ofSafetensors(String name) {
    return Stream.of(values())
        .filter(type -> type.safetensors.equals(name))
        .findFirst()
        .orElseThrow();
  }

  /** The class of a storage of this type. */
  String storage() {
    return storage;
  }

  /** Bytes of a number. */
  int bytes() {
    return bytes;
  }

  boolean isFloat() {
    return compareTo(INT64) < 0;
  }

  /** What its numbers become: {@code F32} or {@code I64}. */
  String converted() {
    return isFloat() ? "F32" : "I64";
  }

  /**
   * Converts a number.
   *
   * @param from little-endian numbers of this type
   * @param at index of the first byte
   * @param to receives a float32 or an int64
   */
  void convert(ByteBuffer from, int at, ByteBuffer to) {
    switch (this) {
      case FLOAT64 -> to.putFloat((float) from.getDouble(at));
      case FLOAT32 -> to.putInt(from.getInt(at));
      case FLOAT16 -> to.putFloat(half(from.getShort(at)));
      case BFLOAT16 -> to.putInt(from.getShort(at) << 16);
      case INT64 -> to.putLong(from.getLong(at));
      case INT32 -> to.putLong(from.getInt(at));
      case INT16 -> to.putLong(from.getShort(at));
      case INT8 -> to.putLong(from.get(at));
      case UINT8, BOOL, UNTYPED -> to.putLong(from.get(at) & 0xff);
    }
  }

  /** The value of an IEEE 754 binary16 number; Java has it from version 20 on. */
  private static float half(short bits) {
    int exponent = (bits >> 10) & 0x1f;
    int mantissa = bits & 0x3ff;
    float size;
    if (exponent == 0) {
      size = mantissa * 0x1p-24f;
    } else if (exponent == 31) {
      size = mantissa == 0 ? Float.POSITIVE_INFINITY : Float.NaN;
    } else {
      size = Float.intBitsToFloat((exponent + 112) << 23 | mantissa << 13);
    }
    return bits < 0 ? -size : size;
  }
}
