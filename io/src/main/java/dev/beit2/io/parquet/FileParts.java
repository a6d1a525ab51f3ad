package dev.beit2.io.parquet;

import dev.beit2.io.store.StoredFile;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.parquet.io.DelegatingSeekableInputStream;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.SeekableInputStream;

/**
 * A Parquet file of which only some bytes are in memory: the end, which holds the footer, and a row
 * group on request. Each of them is read in one request. Whatever else Parquet asks for is read
 * when it does. A failure of the file system is thrown as an {@link UncheckedIOException} then, so
 * that it is not mistaken for a broken file.
 */
public final class FileParts implements InputFile {
  /** Longer than most footers; those of eight row groups have about 20 KB. */
  private static final int END = 1 << 16;

  /** What is read at once of the rest. */
  private static final int SLICE = 1 << 18;

  private static final int MAGIC = Integer.BYTES + "PAR1".length();

  private final StoredFile file;
  private final long length;
  private final Part end;
  private final Part rowGroup;

  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Part(long start, byte[] bytes) {
    boolean has(long position) {
      return position >= start && position < start + bytes.length;
    }

    boolean hasAll(long from, long to) {
      return from >= start && to <= start + bytes.length;
    }
  }

  private FileParts(StoredFile file, long length, Part end, Part rowGroup) {
    this.file = file;
    this.length = length;
    this.end = end;
    this.rowGroup = rowGroup;
  }

  /**
   * Reads the end of a file, which should contain the footer.
   *
   * @param length of the file, as it is known
   * @throws OtherLengthException if the file is longer or shorter
   */
  public static FileParts end(StoredFile file, long length) throws IOException {
    int wanted = (int) Math.min(length, END);
    byte[] bytes = file.read(length - wanted, wanted + 1); // one more, which must not be there
    if (bytes.length != wanted) {
      throw new OtherLengthException();
    }
    Part end = new Part(length - wanted, bytes);
    long footer = footerStart(length, bytes);
    if (footer < end.start()) {
      int all = (int) Math.min(Integer.MAX_VALUE, length - footer);
      end = new Part(length - all, UntrustedParquet.bounded(() -> file.read(length - all, all)));
    }
    return new FileParts(file, length, end, new Part(0, new byte[0]));
  }

  /** The file is not as long as it should be. */
  public static final class OtherLengthException extends IOException {
    private static final long serialVersionUID = 1L;

    private OtherLengthException() {
      super("a file of another length");
    }
  }

  /** Where the footer begins in the file; where the end does, if the file claims nonsense. */
  private static long footerStart(long length, byte[] end) {
    if (end.length < MAGIC) {
      return length - end.length;
    }
    int footer = ByteBuffer.wrap(end).order(ByteOrder.LITTLE_ENDIAN).getInt(end.length - MAGIC);
    boolean inside = footer >= 0 && footer <= length - MAGIC;
    return inside ? length - MAGIC - footer : length - end.length;
  }

  /** The same with the bytes of a row group, [from, to), in memory. */
  public FileParts withRowGroup(long from, long to) throws IOException {
    if (end.hasAll(from, to)) {
      return this;
    }
    int bytes = Math.toIntExact(Math.min(Integer.MAX_VALUE - MAGIC, to - from));
    return new FileParts(
        file, length, end, new Part(from, UntrustedParquet.bounded(() -> file.read(from, bytes))));
  }

  @Override
  public long getLength() {
    return length;
  }

  @Override
  public SeekableInputStream newStream() {
    PartsStream stream = new PartsStream();
    return new DelegatingSeekableInputStream(stream) {
      @Override
      public long getPos() {
        return stream.position;
      }

      @Override
      public void seek(long position) {
        stream.position = position;
      }
    };
  }

  @Override
  public String toString() {
    return file.path(); // for Parquet's messages
  }

  private final class PartsStream extends InputStream {
    private long position;
    private Part slice = new Part(0, new byte[0]);

    @Override
    public int read() throws IOException {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int wanted) throws IOException {
      if (wanted == 0) {
        return 0;
      }
      if (position < 0 || position >= length) {
        return -1;
      }
      Part part = part();
      if (!part.has(position)) {
        throw new EOFException("a file that ends at " + position);
      }
      int from = (int) (position - part.start());
      int read = Math.min(wanted, part.bytes().length - from);
      System.arraycopy(part.bytes(), from, bytes, offset, read);
      position += read;
      return read;
    }

    private Part part() {
      if (rowGroup.has(position)) {
        return rowGroup;
      }
      if (end.has(position)) {
        return end;
      }
      if (!slice.has(position)) {
        try {
          slice = new Part(position, file.read(position, (int) Math.min(SLICE, length - position)));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
      return slice;
    }
  }
}
