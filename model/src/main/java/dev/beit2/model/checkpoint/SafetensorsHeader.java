package dev.beit2.model.checkpoint;

import java.nio.ByteBuffer;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The header of a safetensors file: names, types and offsets of its tensors. A file with the same
 * tensors and other values consists of these bytes, then the values in the order of {@code
 * tensors}.
 *
 * @param bytes the file up to its first tensor, the eight bytes of the header's length included;
 *     read-only
 * @param metadata free text by name
 * @param tensors by name, in the file's order, without gaps
 */
public record SafetensorsHeader(
    ByteBuffer bytes, Map<String, String> metadata, Map<String, Entry> tensors) {

  /**
   * Type, shape and offsets of a tensor.
   *
   * @param dtype the format's name of its type, for example {@code F32}
   * @param shape its dimensions; empty for a scalar
   * @param start offset in the file of its first byte
   * @param end offset in the file after its last byte
   */
  public record Entry(String dtype, List<Long> shape, long start, long end) {
    /** Copies the shape. */
    public Entry {
      shape = List.copyOf(shape);
    }

    /** Type and shape. */
    public TensorType type() {
      return new TensorType(dtype, shape);
    }

    /** Bytes that it takes. */
    public long size() {
      return end - start;
    }
  }

  /** Copies the maps. */
  public SafetensorsHeader {
    bytes = bytes.asReadOnlyBuffer();
    metadata = Map.copyOf(metadata);
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }

  /** Type and shape of each tensor by name, in the file's order. */
  public Map<String, TensorType> types() {
    Map<String, TensorType> types = new LinkedHashMap<>();
    tensors.forEach((name, entry) -> types.put(name, entry.type()));
    return types;
  }

  /** Length of the file. */
  public long end() {
    return tensors.values().stream().mapToLong(Entry::end).reduce(bytes.limit(), Math::max);
  }

  /** An independent view of the bytes, from the first to the last. */
  @Override
  public ByteBuffer bytes() {
    return bytes.duplicate();
  }
}
