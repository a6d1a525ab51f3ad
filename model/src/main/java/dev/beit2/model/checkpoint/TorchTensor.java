package dev.beit2.model.checkpoint;

import java.util.List;
import javax.annotation.Nullable;

/**
 * A tensor of a PyTorch file: a view of numbers that are stored elsewhere in the file. What it says
 * is not checked before it is read.
 *
 * @param storage its numbers, maybe shared with other tensors
 * @param type of a number; null if no network has it
 * @param offset of the first element in the storage, in elements
 * @param shape its dimensions
 * @param strides steps in the storage from an element to the next one, by dimension
 */
record TorchTensor(
    Storage storage, @Nullable TorchType type, long offset, List<Long> shape, List<Long> strides) {

  /**
   * A storage.
   *
   * @param className of PyTorch, such as {@code FloatStorage}
   * @param key its name in the file
   * @param size in elements of that class
   */
  record Storage(String className, String key, long size) {
    /** The type of its elements; null if no network has it. */
    @Nullable
    TorchType type() {
      return TorchType.ofStorage(className).orElse(null);
    }
  }

  /** A tensor of a safetensors file, whose storage is its own. */
  static TorchTensor of(String name, SafetensorsHeader.Entry entry) {
    TorchType type = TorchType.ofSafetensors(entry.dtype());
    Long[] strides = new Long[entry.shape().size()];
    long step = 1;
    for (int i = strides.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= entry.shape().get(i);
    }
    Storage storage = new Storage(type.storage(), name, entry.size() / type.bytes());
    return new TorchTensor(storage, type, 0, entry.shape(), List.of(strides));
  }

  /** A matrix with rows and columns in each other's place; other tensors as they are. */
  TorchTensor transposed() {
    return shape.size() != 2
        ? this
        : new TorchTensor(
            storage,
            type,
            offset,
            List.of(shape.get(1), shape.get(0)),
            List.of(strides.get(1), strides.get(0)));
  }

  /** The number of elements; an absurd shape gives the largest number. */
  long elements() {
    try {
      long elements = 1;
      for (long size : shape) {
        elements = Math.multiplyExact(elements, size);
      }
      return elements;
    } catch (ArithmeticException e) {
      return Long.MAX_VALUE;
    }
  }

  /** The index in the storage of the last element, if there are any; −1 if it is nowhere. */
  long last() {
    try {
      long last = offset;
      for (int i = 0; i < shape.size(); i++) {
        if (shape.get(i) < 1 || strides.get(i) < 0) {
          return -1;
        }
        last = Math.addExact(last, Math.multiplyExact(shape.get(i) - 1, strides.get(i)));
      }
      return offset < 0 ? -1 : last;
    } catch (ArithmeticException e) {
      return -1;
    }
  }

  /** Whether the elements follow each other in the storage, in the order of rows. */
  boolean contiguous() {
    long step = 1;
    for (int i = shape.size() - 1; i >= 0; i--) {
      if (shape.get(i) != 1 && strides.get(i) != step) {
        return false;
      }
      step *= shape.get(i);
    }
    return true;
  }

  /** What it becomes in a file of this project. */
  TensorType converted() {
    return new TensorType(type == null ? storage.className() : type.converted(), shape);
  }
}
