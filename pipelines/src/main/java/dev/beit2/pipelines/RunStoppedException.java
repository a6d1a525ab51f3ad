package dev.beit2.pipelines;

/** A training stopped by itself: its message says at which step, and why. */
final class RunStoppedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  RunStoppedException(String message) {
    super(message);
  }
}
