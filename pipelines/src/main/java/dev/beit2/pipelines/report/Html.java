package dev.beit2.pipelines.report;

import dev.beit2.io.PlainText;
import java.util.Locale;

/** Formats text and numbers for the report. */
final class Html {
  private static final char THIN_SPACE = '\u202f';

  private Html() {}

  /**
   * Escapes the text of an element, or of an attribute in double quotes. Control characters become
   * numbers.
   */
  static String escape(String text) {
    return PlainText.of(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  /** Three significant digits below 100, and a whole number from 100 on. */
  static String number(double value) {
    double size = Math.abs(value);
    String format = "%,.0f";
    if (size < 100 && value != Math.rint(value)) {
      format = size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.2g";
    }
    return String.format(Locale.ROOT, format, value).replace(',', THIN_SPACE);
  }

  /** A fraction, 0 to 1, as a percentage: {@code 50 %}. */
  static String percent(double fraction) {
    return Math.round(fraction * 100) + "\u00a0%";
  }
}
