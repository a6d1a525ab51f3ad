package dev.beit2.io.image.source;

/** An archive cannot be read beyond some byte. The message names the byte and the reason. */
final class BrokenArchiveException extends Exception {
  private static final long serialVersionUID = 1L;

  BrokenArchiveException(long position, String reason) {
    super("at byte " + position + ": " + reason);
  }
}
