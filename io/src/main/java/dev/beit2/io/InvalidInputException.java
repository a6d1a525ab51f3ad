package dev.beit2.io;

import static java.util.Objects.requireNonNull;

import javax.annotation.Nullable;

/**
 * Input from outside (a path, a file's content) is not what it must be. The message is one line
 * that names both sides: {@code found no file at /data; wanted a folder of images}. Control
 * characters in it are made harmless.
 */
public final class InvalidInputException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String found;
  private final String wanted;

  public InvalidInputException(String found, String wanted) {
    this(found, wanted, null);
  }

  public InvalidInputException(String found, String wanted, @Nullable Throwable cause) {
    super(PlainText.of("found " + found + "; wanted " + wanted), cause);
    this.found = requireNonNull(found, "found is null");
    this.wanted = requireNonNull(wanted, "wanted is null");
  }

  /** What was there, as in "no file at /data". */
  public String found() {
    return found;
  }

  /** What should have been there, as in "a folder of images". */
  public String wanted() {
    return wanted;
  }
}
