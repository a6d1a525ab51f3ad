package dev.beit2.model.train;

/**
 * AdamW (arXiv 1711.05101).
 *
 * @param beta1 decay of the gradient's average
 * @param beta2 decay of the squared gradient's average
 * @param eps added to the denominator
 * @param weightDecay for matrices; vectors, biases, [CLS] and positions have none
 * @param clipNorm largest norm of the whole gradient; 0 means no clipping
 */
public record AdamWConfig(
    double beta1, double beta2, double eps, double weightDecay, double clipNorm) {

  /** The tokenizer's recipe: betas 0.9 and 0.99, weight decay 1e-4, no clipping. */
  public static AdamWConfig tokenizer() {
    return new AdamWConfig(0.9, 0.99, 1e-8, 1e-4, 0);
  }

  /** Pretraining's recipe for 300 epochs: betas 0.9 and 0.98, weight decay 0.05, clipping at 3. */
  public static AdamWConfig pretraining() {
    return new AdamWConfig(0.9, 0.98, 1e-8, 0.05, 3);
  }
}
