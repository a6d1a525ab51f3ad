package dev.beit2.pipelines.cli;

/** The command's only job was submitted, and nobody waits for it: the command ends here. */
final class SubmittedException extends RuntimeException {
  private static final long serialVersionUID = 1L;
}
