package dev.beit2.io.store;

import java.nio.file.FileSystemException;

/** A file that cannot be read, however often that is tried, while its store answers otherwise. */
public final class UnreadableFileException extends FileSystemException {
  private static final long serialVersionUID = 1L;

  UnreadableFileException(String file, String reason) {
    super(file, null, reason);
  }
}
