package dev.beit2.model.torch;

import java.util.List;

/** A GPU was requested, but the engine sees none. */
public final class NoGpuException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NoGpuException(List<TorchDevice> seen) {
    super("found %s; wanted a GPU that PyTorch sees".formatted(seen));
  }
}
