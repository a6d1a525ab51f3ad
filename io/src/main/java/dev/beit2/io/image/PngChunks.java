package dev.beit2.io.image;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/** The chunks of a PNG that make its pixels. */
final class PngChunks {
  private static final int SIGNATURE = 8;
  private static final String LAST = "IEND";
  private static final Set<String> OF_PIXELS = Set.of("IHDR", "PLTE", "tRNS", "IDAT", LAST);

  private PngChunks() {}

  /**
   * The file without texts, profiles and further frames, each of which may inflate to megabytes.
   * Pillow's pixels do not depend on them.
   *
   * @param png whose chunks are complete up to the last
   */
  static byte[] withoutOthers(byte[] png) {
    ByteArrayOutputStream kept = new ByteArrayOutputStream(png.length);
    kept.write(png, 0, SIGNATURE);
    int start = SIGNATURE;
    String type = "";
    while (!type.equals(LAST)) {
      int size = 4 + 4 + ByteBuffer.wrap(png).getInt(start) + 4; // length, type, data, checksum
      type = new String(png, start + 4, 4, StandardCharsets.ISO_8859_1);
      if (OF_PIXELS.contains(type)) {
        kept.write(png, start, size);
      }
      start += size;
    }
    return kept.toByteArray();
  }
}
