package dev.beit2.io.store;

import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * Length and checksum of a file, as written or as measured.
 *
 * @param bytes the length of the file
 * @param crc32c the CRC-32C of the whole file
 */
public record WriteResult(long bytes, int crc32c) {
  static WriteResult of(byte[] content) {
    CRC32C crc = new CRC32C();
    crc.update(content);
    return new WriteResult(content.length, (int) crc.getValue());
  }

  /** The checksum as 8 hexadecimal digits. */
  public String crc32cHex() {
    return String.format(Locale.ROOT, "%08x", crc32c);
  }
}
