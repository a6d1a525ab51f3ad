package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.util.Locale;
import java.util.Optional;
import javax.annotation.Nullable;

/** Names the formats of files that are no images that can be decoded, for messages. */
final class OtherFormats {
  private static final int DICOM = 128;

  private OtherFormats() {}

  /** What a file is, as in "a TIFF image"; nothing if that is not known. */
  static Optional<String> name(byte[] bytes) {
    String start = new String(bytes, 0, Math.min(bytes.length, DICOM + 4), ISO_8859_1);
    return Optional.ofNullable(name(start));
  }

  @Nullable
  private static String name(String start) {
    if (start.startsWith("ftyp", 4)) {
      return start.startsWith("avi", 8) ? "an AVIF image" : brand(start);
    } else if (start.startsWith("\0\0\0\fjP  ") || start.startsWith("\u00FFO\u00FFQ")) {
      return "a JPEG 2000 image";
    } else if (start.startsWith("\0\0\0\fJXL ") || start.startsWith("\u00FF\n")) {
      return "a JPEG XL image";
    } else if (start.startsWith("DICM", DICOM)) {
      return "a DICOM file";
    } else if (start.matches("(?s)P[1-7]\\s.*")) {
      return "a PNM image";
    } else if (start.startsWith("8BPS")) {
      return "a Photoshop file";
    } else if (start.startsWith("%PDF")) {
      return "a PDF file";
    }
    String text = start.strip().toLowerCase(Locale.ROOT);
    if (text.startsWith("<!doctype html") || text.startsWith("<html")) {
      return "an HTML page";
    }
    return text.startsWith("<svg") ? "an SVG image" : null;
  }

  /** A file of ISO's media format: its brand tells images from videos. */
  private static String brand(String start) {
    boolean image = start.startsWith("he", 8) || start.startsWith("mi", 8);
    return image ? "a HEIC image" : "a video";
  }
}
