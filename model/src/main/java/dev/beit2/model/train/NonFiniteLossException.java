package dev.beit2.model.train;

/** The loss became infinite or not a number; the parameters were not changed by that step. */
public final class NonFiniteLossException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  NonFiniteLossException(long step, double loss) {
    super("the loss of step " + step + " is " + loss);
  }
}
