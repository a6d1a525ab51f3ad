package dev.beit2.model.train;

/**
 * The loss or its gradient is infinite or not a number. The step has not changed the parameters.
 */
public final class NonFiniteLossException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final long step;
  private final double loss;

  private NonFiniteLossException(long step, double loss, String message) {
    super(message);
    this.step = step;
    this.loss = loss;
  }

  /** For a loss that is not finite. */
  public static NonFiniteLossException ofLoss(long step, double loss) {
    return new NonFiniteLossException(step, loss, "the loss of step " + step + " is " + loss);
  }

  static NonFiniteLossException ofGradient(long step, double loss, double norm) {
    return new NonFiniteLossException(
        step,
        loss,
        "the norm of the gradient of step %d is %s at a loss of %s".formatted(step, norm, loss));
  }

  /** The step, from 1 as in a run's metrics. */
  public long step() {
    return step;
  }

  /** Its loss; finite if only the gradient is not. */
  public double loss() {
    return loss;
  }
}
