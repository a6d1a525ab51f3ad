package dev.beit2.model.torch;

/**
 * The arithmetic of matrix products and attention. Parameters, residual stream, layer norms,
 * codebook, losses and optimizer are float32 either way.
 */
public enum Precision {
  /** 32-bit floats: the numbers of the official code. */
  FP32,
  /** bfloat16, as autocast does. Faster where the processor has it (AVX-512 BF16, AMX, GPUs). */
  BF16
}
