package dev.beit2.model.train;

import java.io.Serializable;

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
    double beta1, double beta2, double eps, double weightDecay, double clipNorm)
    implements Serializable {
  private static final long serialVersionUID = 1L;
}
