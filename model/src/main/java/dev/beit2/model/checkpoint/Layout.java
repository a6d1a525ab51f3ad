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

    /** A float32 tensor. */
    public static Tensor floats(List<Long> shape, boolean mayBeZero) {
      return new Tensor("F32", shape, mayBeZero, null);
    }
  }

  /** Copies the map. */
  public Layout {
    tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
  }

  /** Checks names, types and shapes. */
  void require(SafetensorsHeader header) throws InvalidCheckpointException {
    for (Map.Entry<String, Tensor> wanted : tensors.entrySet()) {
      SafetensorsHeader.Entry found = header.tensors().get(wanted.getKey());
      Tensor tensor = wanted.getValue();
      if (found == null) {
        throw new InvalidCheckpointException("found no tensor " + wanted.getKey());
      }
      if (!found.dtype().equals(tensor.dtype()) || !found.shape().equals(tensor.shape())) {
        throw new InvalidCheckpointException(
            "found %s %s of %s; wanted %s of %s"
                .formatted(
                    wanted.getKey(),
                    found.dtype(),
                    shown(found.shape().toString()),
                    tensor.dtype(),
                    tensor.shape()));
      }
    }
    for (String name : header.tensors().keySet()) {
      if (!tensors.containsKey(name)) {
        throw new InvalidCheckpointException(
            "found a tensor %s, which the network does not have".formatted(shown(name)));
      }
    }
  }
}
