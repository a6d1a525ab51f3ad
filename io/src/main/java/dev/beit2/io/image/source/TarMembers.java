package dev.beit2.io.image.source;

import java.io.Closeable;
import java.io.IOException;
import java.io.UncheckedIOException;
import javax.annotation.Nullable;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;

/**
 * Iterates over the files of a tar, and of the tars behind its end mark. Contents that are not
 * asked for are not read.
 */
final class TarMembers implements Closeable {
  private static final int RECORD = 512;
  private static final int ZEROS = 128 * RECORD; // read at once
  private static final long MOST_OF_A_HEADER = 1 << 20;

  /**
   * A file.
   *
   * @param offset of its content from the start of the tar
   * @param size of its content
   * @param odd what it is if it is not a plain file, such as a link; otherwise null
   */
  record Member(String name, long offset, long size, @Nullable String odd) {
    long end() {
      return offset + (size + RECORD - 1) / RECORD * RECORD;
    }
  }

  private final ByteRangeStream in;
  private long next; // where the next header begins

  TarMembers(ByteRangeStream in) {
    this.in = in;
  }

  /** Opens the tar in this range of a file. */
  static TarMembers open(SourcePartition partition) throws IOException {
    return new TarMembers(ByteRangeStream.open(partition));
  }

  /**
   * The next file, or null at the end.
   *
   * @throws BrokenArchiveException if the tar is truncated or corrupt
   */
  @Nullable
  Member next() throws IOException, BrokenArchiveException {
    try {
      while (true) {
        TarArchiveEntry entry = nextEntry();
        if (entry == null) {
          next = afterZeros(next);
          if (next == in.length()) {
            return null;
          }
          continue; // another tar: tars may be put together by cat
        }
        Member member = new Member(entry.getName(), in.position(), entry.getSize(), odd(entry));
        if (member.size() < 0 || !entry.isCheckSumOK()) {
          throw new BrokenArchiveException(next, "not a tar header");
        }
        if (member.offset() + member.size() > in.length()) {
          throw new BrokenArchiveException(in.length(), "truncated in " + member.name());
        }
        next = member.end();
        if (!entry.isDirectory()) {
          return member;
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  @Nullable
  private TarArchiveEntry nextEntry() throws BrokenArchiveException {
    TarArchiveEntry entry;
    try {
      in.seek(next);
      in.allow(MOST_OF_A_HEADER);
      // A new stream for each file, because this one would read contents that are to be skipped.
      entry = newHeaderReader().getNextEntry();
      in.allow(Long.MAX_VALUE);
    } catch (UncheckedIOException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      String reason = in.position() >= in.length() ? "truncated" : "not a tar header";
      throw new BrokenArchiveException(next, reason + " (" + e.getMessage() + ")");
    }
    // Two records of zeros end a tar. If there is not even one, the tar is truncated.
    if (entry == null && in.length() - next < RECORD) {
      throw new BrokenArchiveException(in.length(), "truncated, there is no end mark");
    }
    return entry;
  }

  /** The next record from here on that is not all zeros, or the end of the tar. */
  private long afterZeros(long position) throws IOException {
    in.seek(position);
    byte[] records = new byte[ZEROS];
    while (position < in.length()) {
      int read = in.readNBytes(records, 0, records.length);
      if (read == 0) {
        break;
      }
      int zeros = 0;
      while (zeros < read && records[zeros] == 0) {
        zeros++;
      }
      if (zeros < read) {
        return position + (long) (zeros / RECORD) * RECORD;
      }
      position += read;
    }
    return in.length();
  }

  @Nullable
  private static String odd(TarArchiveEntry entry) {
    if (entry.isSymbolicLink() || entry.isLink()) {
      return "a link in a tar";
    }
    return entry.isSparse() ? "a sparse file in a tar" : null;
  }

  @SuppressWarnings("resource") // what it would close is this tar's
  private TarArchiveInputStream newHeaderReader() {
    return new TarArchiveInputStream(in, RECORD, RECORD, "UTF-8");
  }

  byte[] content(Member member) throws IOException {
    try {
      in.seek(member.offset());
      byte[] bytes = in.readNBytes(Math.toIntExact(member.size()));
      if (bytes.length < member.size()) {
        throw new IOException("the file became shorter");
      }
      return bytes;
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
