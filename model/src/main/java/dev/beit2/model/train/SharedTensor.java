package dev.beit2.model.train;

import java.util.List;

/**
 * A float32 tensor that workers average.
 *
 * @param name in {@code model.safetensors}
 * @param shape its dimensions; empty for a scalar
 * @param averaging how the workers' copies are combined
 */
public record SharedTensor(String name, List<Long> shape, Averaging averaging) {
  /** Copies the shape. */
  public SharedTensor {
    shape = List.copyOf(shape);
  }

  /** Length of the last dimension. */
  public int rowLength() {
    return shape.isEmpty() ? 1 : Math.toIntExact(shape.get(shape.size() - 1));
  }
}
