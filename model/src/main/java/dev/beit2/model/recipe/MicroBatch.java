package dev.beit2.model.recipe;

import java.io.Serializable;

/**
 * How many images go through a network at once. The result does not depend on it up to rounding, so
 * it follows the device's memory.
 *
 * @param onProcessor where the network runs on processors
 * @param onGpu where it runs on a GPU
 */
public record MicroBatch(int onProcessor, int onGpu) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** For people: {@code 16, on a GPU 64}. */
  @Override
  public String toString() {
    return onProcessor == onGpu
        ? Integer.toString(onProcessor)
        : onProcessor + " (on a GPU " + onGpu + ")";
  }
}
