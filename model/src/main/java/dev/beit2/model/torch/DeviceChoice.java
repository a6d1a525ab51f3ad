package dev.beit2.model.torch;

/** The kind of device that a worker requests. */
public enum DeviceChoice {
  /** A GPU if the engine sees one, otherwise the CPU. */
  AUTO,
  /** The CPU, even if there are GPUs. */
  CPU,
  /** A GPU; it is an error if there is none. */
  GPU
}
