package dev.beit2.model.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import javax.annotation.Nullable;

/** Checks the values of one tensor of a layout, as they are read. */
final class TensorValues {
  private final String name;
  private final Layout.Tensor wanted;
  @Nullable private final long[] constants;
  private long seen;
  private boolean zero = true;

  TensorValues(String name, Layout.Tensor wanted) {
    this.name = name;
    this.wanted = wanted;
    this.constants = wanted.constants() == null ? null : wanted.constants().get();
  }

  /**
   * Checks the next values.
   *
   * @param bytes whole values; its position does not change
   */
  void next(ByteBuffer bytes) throws InvalidCheckpointException {
    ByteBuffer values = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
    if (constants != null) {
      compare(values.asLongBuffer());
    } else if (wanted.dtype().equals("F32")) {
      requireFinite(values.asFloatBuffer());
    }
  }

  private void compare(LongBuffer values) throws InvalidCheckpointException {
    for (int i = 0; i < values.limit(); i++, seen++) {
      if (values.get(i) != constants[(int) seen]) {
        throw new InvalidCheckpointException(
            "found %d at %d in %s; wanted %d"
                .formatted(values.get(i), seen, name, constants[(int) seen]));
      }
    }
  }

  private void requireFinite(FloatBuffer values) throws InvalidCheckpointException {
    for (int i = 0; i < values.limit(); i++, seen++) {
      float value = values.get(i);
      if (!Float.isFinite(value)) {
        throw new InvalidCheckpointException(
            "found %s at %d in %s; wanted a number".formatted(value, seen, name));
      }
      zero &= value == 0;
    }
  }

  /** Checks the tensor as a whole. */
  void end() throws InvalidCheckpointException {
    if (zero && seen > 0 && constants == null && !wanted.mayBeZero()) {
      throw new InvalidCheckpointException(
          "found nothing but zeros in %s; wanted trained values".formatted(name));
    }
  }
}
