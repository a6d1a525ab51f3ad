package dev.beit2.io.image.source;

/** What is in an archive cannot be read from a byte on; the message says which, and why. */
final class BrokenArchiveException extends Exception {
  private static final long serialVersionUID = 1L;

  BrokenArchiveException(long position, String reason) {
    super("at byte " + position + ": " + reason);
  }
}
