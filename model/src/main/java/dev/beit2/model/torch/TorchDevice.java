package dev.beit2.model.torch;

/**
 * A device that tensors live on.
 *
 * @param type {@code cpu} or {@code gpu}
 * @param index among those of its type, from 0
 */
public record TorchDevice(String type, int index) {
  /**
   * Checks the name.
   *
   * @throws IllegalArgumentException if it is not a device
   */
  public TorchDevice {
    if (!(type.equals("gpu") && index >= 0) && !(type.equals("cpu") && index == 0)) {
      throw new IllegalArgumentException(
          "found the device %s %d; wanted cpu 0, or gpu and a number from 0"
              .formatted(type, index));
    }
  }

  /** The CPU, of which there is one. */
  public static TorchDevice cpu() {
    return new TorchDevice("cpu", 0);
  }

  /** A GPU. */
  public static TorchDevice gpu(int index) {
    return new TorchDevice("gpu", index);
  }

  /** Whether it is a GPU. */
  public boolean isGpu() {
    return type.equals("gpu");
  }

  /** For example {@code gpu:0}. */
  @Override
  public String toString() {
    return isGpu() ? type + ":" + index : type;
  }
}
