package dev.beit2.model.checkpoint;

import java.util.ArrayList;
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

  /** The same, if several tensors of one shape, below each other, make this one. */
  TensorType withRows(int tensors) {
    if (tensors == 1) {
      return this;
    }
    List<Long> part = new ArrayList<>(shape);
    part.set(0, shape.get(0) / tensors);
    return new TensorType(dtype, part);
  }

  /** A matrix with rows and columns in each other's place. */
  TensorType transposed() {
    return new TensorType(dtype, List.of(shape.get(1), shape.get(0)));
  }

  @Override
  public String toString() {
    return dtype + " of " + shape;
  }
}
