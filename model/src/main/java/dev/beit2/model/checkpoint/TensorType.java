package dev.beit2.model.checkpoint;

import java.util.List;

/**
 * Type and shape of a tensor in a file.
 *
 * @param dtype the safetensors format's name of its type, for example {@code F32}
 * @param shape its dimensions; empty for a scalar
 */
public record TensorType(String dtype, List<Long> shape) {
  /** Copies the shape. */
  public TensorType {
    shape = List.copyOf(shape);
  }

  @Override
  public String toString() {
    return dtype + " of " + shape;
  }
}
