package dev.beit2.io.store;

/**
 * What went into a file.
 *
 * @param bytes its length
 * @param crc32c the checksum of all of it
 */
public record Written(long bytes, int crc32c) {
  /** The checksum as 8 hexadecimal digits. */
  public String crc32cHex() {
    return String.format("%08x", crc32c);
  }
}
