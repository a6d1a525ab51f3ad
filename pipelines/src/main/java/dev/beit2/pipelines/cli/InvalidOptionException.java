package dev.beit2.pipelines.cli;

import static java.util.Objects.requireNonNull;

/**
 * An option of a command cannot be used: one line that names the option, what was found and what
 * was wanted. A {@code main} prints the message and ends with exit code 2.
 */
public final class InvalidOptionException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final String option;
  private final String found;
  private final String wanted;

  /**
   * @param option the option as it was given, such as {@code --shards=/x}
   * @param found what is there, such as {@code no manifest.json}
   * @param wanted what would do, such as {@code a folder written by ./beit2 tokenize}
   */
  public InvalidOptionException(String option, String found, String wanted) {
    super(oneLine(option + ": found " + found + "; wanted " + wanted));
    this.option = requireNonNull(option, "option is null");
    this.found = requireNonNull(found, "found is null");
    this.wanted = requireNonNull(wanted, "wanted is null");
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s*\\R\\s*", " ");
  }

  public String option() {
    return option;
  }

  public String found() {
    return found;
  }

  String wanted() {
    return wanted;
  }
}
