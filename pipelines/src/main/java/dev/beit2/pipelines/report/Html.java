package dev.beit2.pipelines.report;

import java.util.Locale;

/** Text and numbers as the report's page has them. */
final class Html {
  private static final char THIN_SPACE = '\u202f';

  private Html() {}

  /** For an element's text or an attribute in double quotes. */
  static String escape(String text) {
    return text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  /** With three significant digits below 100, whole from there on. */
  static String number(double value) {
    double size = Math.abs(value);
    String format = "%,.0f";
    if (size < 100 && value != Math.rint(value)) {
      format = size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.2g";
    }
    return String.format(Locale.ROOT, format, value).replace(',', THIN_SPACE);
  }

  /** A share from 0 to 1 as {@code 50 %}. */
  static String percent(double share) {
    return Math.round(share * 100) + "\u00a0%";
  }
}
