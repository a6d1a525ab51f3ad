package dev.beit2.pipelines.cli;

import dev.beit2.io.PlainText;

/** A training has stopped itself; the message says at which step and why. */
public final class RunStoppedException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  public RunStoppedException(String message) {
    super(PlainText.of(message));
  }
}
