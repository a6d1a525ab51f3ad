package dev.beit2.io;

import java.util.regex.Pattern;

/** Text from files, keys and names, made harmless for a terminal or a page. */
public final class PlainText {
  /** Controls, among them those of terminals, and characters that reorder or break a line. */
  private static final Pattern CONTROL =
      Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u200E\\u200F\\u202A-\\u202E\\u2066-\\u2069]");

  private PlainText() {}

  /** The text with each control character as its number, such as {@code \}{@code u001b}. */
  public static String of(String text) {
    return CONTROL
        .matcher(text)
        .replaceAll(found -> String.format("\\\\u%04x", (int) found.group().charAt(0)));
  }
}
