package dev.beit2.io.store;

import java.util.zip.CRC32C;

/**
 * What went into a file, or is in it.
 *
 * @param bytes its length
 * @param crc32c the checksum of all of it
 */
public record WriteResult(long bytes, int crc32c) {
  static WriteResult of(byte[] content) {
    CRC32C crc = new CRC32C();
    crc.update(content);
    return new WriteResult(content.length, (int) crc.getValue());
  }

  /** The checksum as 8 hexadecimal digits. */
  public String crc32cHex() {
    return String.format("%08x", crc32c);
  }
}
