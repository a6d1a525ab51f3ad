package dev.beit2.pipelines.html;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.io.PlainText;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Locale;

/** Formats text and numbers for HTML pages. */
public final class Html {
  private static final char THIN_SPACE = '\u202f';

  private Html() {}

  /** The beginning of a page that loads nothing, up to its {@code <main>}. */
  public static String head(String title) throws IOException {
    return """
        <!DOCTYPE html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta http-equiv="Content-Security-Policy" \
        content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
        <title>%s</title>
        <style>
        %s</style>
        <main>
        """
        .formatted(escape(title), styleSheet());
  }

  private static String styleSheet() throws IOException {
    try (InputStream css = Html.class.getResourceAsStream("page.css")) {
      if (css == null) {
        throw new FileNotFoundException("page.css is not on the class path");
      }
      return new String(css.readAllBytes(), UTF_8);
    }
  }

  /**
   * Escapes the text of an element, or of an attribute in double quotes. Control characters become
   * numbers.
   */
  public static String escape(String text) {
    return PlainText.of(text)
        .replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace("\"", "&quot;");
  }

  /** Three significant digits below 100, and a whole number from 100 on. */
  public static String number(double value) {
    double size = Math.abs(value);
    String format = "%,.0f";
    if (size < 100 && value != Math.rint(value)) {
      format = size >= 10 ? "%.1f" : size >= 0.1 ? "%.2f" : "%.2g";
    }
    return String.format(Locale.ROOT, format, value).replace(',', THIN_SPACE);
  }

  /** A fraction, 0 to 1, as a percentage: {@code 50 %}. */
  public static String percent(double fraction) {
    return Math.round(fraction * 100) + "\u00a0%";
  }
}
