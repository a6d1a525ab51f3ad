package dev.beit2.pipelines.cli;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.PlainText;

/**
 * An option cannot be used. The message is one line that names the option, what was found and what
 * was wanted, without control characters; {@link CommandLine} prints it and ends with exit code 2.
 */
public final class InvalidOptionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String option;
  private final String found;

  /**
   * @param option the option as it was given, such as {@code --shards=/x}
   * @param found what was found, such as {@code no manifest.json}
   * @param wanted what would be accepted, such as {@code a folder written by ./beit2 tokenize}
   */
  public InvalidOptionException(String option, String found, String wanted) {
    super(oneLine(option + ": found " + found + "; wanted " + wanted));
    this.option = requireNonNull(option, "option is null");
    this.found = requireNonNull(found, "found is null");
  }

  private static String oneLine(String text) {
    return PlainText.of(text.replaceAll("\\s*\\R\\s*", " "));
  }

  /** The option as it was given. */
  public String option() {
    return option;
  }

  /** What was found. */
  public String found() {
    return found;
  }
}
