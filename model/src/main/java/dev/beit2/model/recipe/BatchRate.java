package dev.beit2.model.recipe;

/**
 * A learning rate that grows in proportion to the batch.
 *
 * @param rate for {@code images}
 * @param images of a whole batch: per optimizer step, of all workers that average every step
 */
public record BatchRate(double rate, int images) {
  /** The learning rate for another batch. */
  public double of(long batch) {
    return rate * batch / images;
  }

  /** For people: {@code 5e-5 per 128 images}. */
  @Override
  public String toString() {
    return Double.toString(rate).replace(".0E", "e").replace('E', 'e')
        + " per "
        + images
        + " images";
  }
}
