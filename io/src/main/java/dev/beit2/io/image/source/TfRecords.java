package dev.beit2.io.image.source;

import dev.beit2.io.store.StoredFile;
import java.io.BufferedInputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;
import java.util.zip.GZIPInputStream;
import javax.annotation.Nullable;

/**
 * The records of a TFRecord file, plain or in gzip. A record is a length and its masked CRC-32C,
 * then the bytes and their masked CRC-32C, all little-endian. Beam's TFRecordIO also reads them,
 * but does not give the file and the offset of a record, which keys and random access need.
 */
final class TfRecords implements Closeable {
  private static final int BEFORE = Long.BYTES + Integer.BYTES;
  private static final int AFTER = Integer.BYTES;
  private static final int CRC_MASK = 0xa282ead8;

  private final ByteRangeStream file;
  private final InputStream in;
  private final boolean gzip;
  private long position; // of the next record in the unpacked file

  /**
   * A record.
   *
   * @param offset of its bytes in the unpacked file
   * @param length of its bytes
   */
  record Record(long offset, long length) {}

  private TfRecords(ByteRangeStream file) throws IOException, BrokenArchiveException {
    this.file = file;
    ByteBuffer start = header(file.readNBytes(BEFORE));
    file.seek(0);
    this.gzip = !isLength(start) && start.limit() > 1 && (start.getShort(0) & 0xffff) == 0x8b1f;
    this.in = gzip ? unzip(file) : file;
  }

  private static InputStream unzip(ByteRangeStream file) throws BrokenArchiveException {
    try {
      return new BufferedInputStream(new GZIPInputStream(file, 1 << 16));
    } catch (IOException e) {
      throw brokenGzip(0, e);
    }
  }

  /**
   * @throws BrokenArchiveException if it starts like gzip but is not valid gzip
   */
  static TfRecords open(SourcePartition partition) throws IOException, BrokenArchiveException {
    ByteRangeStream file = ByteRangeStream.open(partition);
    try {
      return new TfRecords(file);
    } catch (UncheckedIOException e) {
      file.close();
      throw e.getCause();
    } catch (IOException | BrokenArchiveException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  boolean gzip() {
    return gzip;
  }

  /**
   * The next record, or null at the end. The caller must {@link #read} or {@link #skip} it.
   *
   * @throws BrokenArchiveException if the file is truncated, or there is no record here
   */
  @Nullable
  Record next() throws IOException, BrokenArchiveException {
    byte[] bytes = readUpTo(BEFORE);
    if (bytes.length == 0) {
      return null;
    }
    ByteBuffer header = header(bytes);
    if (bytes.length < BEFORE) {
      throw truncated();
    }
    if (!isLength(header)) {
      throw new BrokenArchiveException(position, "not a TFRecord");
    }
    long length = header.getLong();
    if (length < 0
        || length > Long.MAX_VALUE - file.length()
        || (!gzip && length > file.length() - position - BEFORE - AFTER)) {
      throw truncated();
    }
    return new Record(position + BEFORE, length);
  }

  /**
   * The bytes of the record that {@link #next} just returned, or null if their checksum is wrong.
   */
  @Nullable
  byte[] read(Record record) throws IOException, BrokenArchiveException {
    byte[] bytes = readUpTo(Math.toIntExact(record.length()));
    byte[] crc = readUpTo(AFTER);
    if (crc.length < AFTER) {
      throw truncated();
    }
    position = record.offset() + record.length() + AFTER;
    return isCrc(bytes, 0, bytes.length, header(crc).getInt()) ? bytes : null;
  }

  void skip(Record record) throws IOException, BrokenArchiveException {
    try {
      in.skipNBytes(record.length() + AFTER);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (IOException e) {
      throw truncated();
    }
    position = record.offset() + record.length() + AFTER;
  }

  /**
   * Reads a record again, at an offset that {@link #next} returned; null if its checksum is wrong.
   */
  @Nullable
  static byte[] read(String file, long offset, int length) throws IOException {
    byte[] bytes = new StoredFile(file).read(offset, length + AFTER);
    if (bytes.length < length + AFTER) {
      throw new IOException(file + " became shorter");
    }
    int crc = header(bytes).getInt(length);
    return isCrc(bytes, 0, length, crc) ? java.util.Arrays.copyOf(bytes, length) : null;
  }

  private byte[] readUpTo(int length) throws IOException, BrokenArchiveException {
    try {
      return in.readNBytes(length);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (IOException e) { // of gzip
      throw brokenGzip(position, e);
    }
  }

  private static BrokenArchiveException brokenGzip(long position, IOException e) {
    return new BrokenArchiveException(position, "broken gzip (" + e.getMessage() + ")");
  }

  private BrokenArchiveException truncated() {
    return new BrokenArchiveException(position, "truncated in a TFRecord");
  }

  private static ByteBuffer header(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static boolean isLength(ByteBuffer header) {
    return header.limit() == BEFORE
        && isCrc(header.array(), 0, Long.BYTES, header.getInt(Long.BYTES));
  }

  private static boolean isCrc(byte[] bytes, int offset, int length, int masked) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK == masked;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
