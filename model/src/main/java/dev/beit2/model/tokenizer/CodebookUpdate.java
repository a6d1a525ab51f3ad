package dev.beit2.model.tokenizer;

/** How the codebook follows the vectors that are assigned to its codes. */
public enum CodebookUpdate {
  /** An exponential moving average of the assigned vectors, as in the official code. */
  EMA,
  /** The optimizer, by the gradient of the codebook loss ‖sg[z] − code‖² (paper, section 3.1). */
  GRADIENT
}
