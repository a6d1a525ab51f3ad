package dev.beit2.model.checkpoint;

import static dev.beit2.model.checkpoint.InvalidCheckpointException.shown;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import javax.annotation.Nullable;

/**
 * What the tensors of a file must be.
 *
 * @param tensors by name; the file has all of them and no others, in any order
 */
public record Layout(Map<String, Tensor> tensors) {

  /**
   * What a tensor must be. Numbers are finite in any case.
   *
   * @param dtype the format's name of its type, for example {@code F32}
   * @param shape its dimensions; empty for a scalar
   * @param mayBeZero whether all of its values may be 0
   * @param constants its only possible values, if it is an integer tensor that never changes
   */
  public record Tensor(
      String dtype, List<Long> shape, boolean mayBeZero, @Nullable Supplier<long[]> constants) {
    /** Copies the shape. */
    public Tensor {
      shape = List.copyOf(shape);
    }

    /** Its type and shape. */
    public TensorType type() {
      return new TensorType(dtype, shape);
    }

    /** The number of its values. */
    long elements() {
      return shape.stream().reduce(1L, Math::multiplyExact);
    }

    /** A float32 tensor. */
    public static Tensor floats(List<Long> shape, boolean mayBeZero) {
      return new Tensor("F32", shape, mayBeZero, null);
    }
  }

  /** Copies the map. */
  public Layout {
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }

  /** Type and shape of each tensor. */
  Map<String, TensorType> types() {
    Map<String, TensorType> types = new LinkedHashMap<>();
    tensors.forEach((name, tensor) -> types.put(name, tensor.type()));
    return types;
  }

  /**
   * Checks that a file has exactly these tensors.
   *
   * @param found type and shape of the file's tensors by name
   * @throws InvalidCheckpointException if not, naming the first difference
   */
  public void require(Map<String, TensorType> found) throws InvalidCheckpointException {
    for (Map.Entry<String, Tensor> wanted : tensors.entrySet()) {
      requireSame(wanted.getKey(), wanted.getValue().type(), found.get(wanted.getKey()));
    }
    for (String name : found.keySet()) {
      if (!tensors.containsKey(name)) {
        throw new InvalidCheckpointException(
            "found a tensor %s, which the network does not have".formatted(shown(name)));
      }
    }
  }

  private static void requireSame(String name, TensorType wanted, @Nullable TensorType found)
      throws InvalidCheckpointException {
    if (found == null) {
      throw new InvalidCheckpointException("found no tensor " + name);
    }
    if (!found.equals(wanted)) {
      throw new InvalidCheckpointException(
          "found %s %s; wanted %s".formatted(name, shown(found.toString()), wanted));
    }
  }
}
