package dev.beit2.model.checkpoint;

import java.io.IOException;
import javax.annotation.Nullable;

/**
 * A checkpoint's file is not what it must be: broken, or of another network. The message is one
 * line; reading the file again gives the same.
 */
public final class InvalidCheckpointException extends IOException {
  private static final long serialVersionUID = 1L;

  private static final int LONGEST_MESSAGE = 1500;
  private static final int LONGEST_TEXT = 200;

  /** An exception whose message is one line of this text. */
  public InvalidCheckpointException(String message) {
    super(line(message, LONGEST_MESSAGE));
  }

  /**
   * A model of another kind.
   *
   * @param found the kind in its metadata; null if there is none
   * @param wanted in words
   */
  public static InvalidCheckpointException kind(@Nullable String found, String wanted) {
    return new InvalidCheckpointException(
        "found a model of kind %s; wanted %s"
            .formatted(found == null ? null : shown(found), wanted));
  }

  /** Text from a file, short enough for a part of a message. */
  static String shown(String text) {
    return line(text, LONGEST_TEXT);
  }

  private static String line(String text, int longest) {
    String cut = text.length() <= longest ? text : text.substring(0, longest) + "…";
    return cut.replaceAll("\\s+", " ");
  }
}
