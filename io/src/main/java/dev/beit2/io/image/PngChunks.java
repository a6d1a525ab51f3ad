package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;

/**
 * The chunks of a PNG that make its pixels.
 *
 * @param png the file, which begins with a header
 * @param chunks the complete ones of pixels, in their order
 * @param ended whether the file has its last chunk
 * @param cut whether a chunk of pixels breaks off
 * @param significantBits of each sample, if the file says that they are fewer than there are
 */
@SuppressWarnings("ArrayRecordComponent") // never compared
record PngChunks(byte[] png, List<Chunk> chunks, boolean ended, boolean cut, int significantBits) {
  private static final int SIGNATURE = 8;
  private static final int AROUND = 4 + 4 + 4; // length, type, checksum
  private static final int BIT_DEPTH = 24; // where it is in the file
  private static final String PIXELS = "IDAT";
  private static final String LAST = "IEND";
  private static final Set<String> OF_PIXELS = Set.of("IHDR", "PLTE", "tRNS", PIXELS);
  private static final byte[] END = {0, 0, 0, 0, 'I', 'E', 'N', 'D', -82, 66, 96, -126};

  /** A chunk: its type, and where it lies with length and checksum. */
  private record Chunk(String type, int start, int size) {}

  /** Walks over the chunks. */
  static PngChunks of(byte[] png) {
    List<Chunk> chunks = new ArrayList<>();
    ByteBuffer bytes = ByteBuffer.wrap(png);
    int significantBits = 0;
    int start = SIGNATURE;
    while (png.length - start >= AROUND) {
      long size = (bytes.getInt(start) & 0xFFFFFFFFL) + AROUND;
      String type = new String(png, start + 4, 4, ISO_8859_1);
      if (type.equals(LAST)) {
        return new PngChunks(png, chunks, true, false, significantBits);
      } else if (size > png.length - start) {
        return new PngChunks(png, chunks, false, type.equals(PIXELS), significantBits);
      }
      if (OF_PIXELS.contains(type)) {
        chunks.add(new Chunk(type, start, (int) size));
      } else if (type.equals("sBIT") && size > AROUND) {
        significantBits = png[start + 8];
      }
      start += (int) size;
    }
    return new PngChunks(png, chunks, false, false, significantBits);
  }

  /**
   * Whether the file has its last chunk, or at least all of its pixels: writers that are stopped,
   * and copies that are cut, lack the end only.
   */
  boolean complete() {
    return ended || (!cut && inflates());
  }

  /**
   * The significant bits of samples of 16 bits, at least 8; 0 if all are or the file is another.
   */
  int significantBitsOf16() {
    boolean of16 = png.length > BIT_DEPTH && png[BIT_DEPTH] == 16;
    return of16 && significantBits >= 8 && significantBits < 16 ? significantBits : 0;
  }

  /** Whether the packed pixels end where their format says so. */
  private boolean inflates() {
    Inflater inflater = new Inflater();
    byte[] unpacked = new byte[1 << 16];
    try {
      for (Chunk chunk : chunks) {
        if (chunk.type().equals(PIXELS)) {
          inflater.setInput(png, chunk.start() + 8, chunk.size() - AROUND);
          while (inflater.inflate(unpacked) > 0) {
            // Only the end is of interest.
          }
        }
      }
      return inflater.finished();
    } catch (DataFormatException e) {
      return false;
    } finally {
      inflater.end();
    }
  }

  /**
   * The file without texts, profiles and further frames, each of which may inflate to megabytes,
   * and with an end. Pillow's pixels do not depend on them.
   */
  byte[] withoutOthers() {
    ByteArrayOutputStream kept = new ByteArrayOutputStream(png.length + END.length);
    kept.write(png, 0, SIGNATURE);
    chunks.forEach(chunk -> kept.write(png, chunk.start(), chunk.size()));
    kept.writeBytes(END);
    return kept.toByteArray();
  }
}
