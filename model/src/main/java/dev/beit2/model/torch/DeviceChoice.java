package dev.beit2.model.torch;

/** Which kind of device a worker asks for. */
public enum DeviceChoice {
  /** A GPU if the engine sees one, else the CPU. */
  AUTO,
  /** The CPU, whether there are GPUs or not. */
  CPU,
  /** A GPU, or nothing. */
  GPU
}
