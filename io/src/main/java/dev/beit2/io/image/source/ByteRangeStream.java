package dev.beit2.io.image.source;

import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;

/**
 * The bytes [start, end) of a file. Skipping reads nothing.
 *
 * <p>A failure of the file system is thrown as an {@link UncheckedIOException}, so that it is not
 * mistaken for a broken archive: a failed read is retried, a broken archive is rejected.
 */
final class ByteRangeStream extends InputStream {
  private final SeekableByteChannel channel;
  private final long start;
  private final long end;
  private long position;
  private long readable = Long.MAX_VALUE;

  private ByteRangeStream(SeekableByteChannel channel, long start, long end) {
    this.channel = channel;
    this.start = start;
    this.end = end;
  }

  /** Opens a range, which ends with the file if that is shorter. */
  static ByteRangeStream open(SourcePartition partition) throws IOException {
    SeekableByteChannel channel =
        new StoredFile(partition.file()).openSeekable(partition.fileBytes());
    long start = partition.start();
    try {
      long size = channel.size();
      return new ByteRangeStream(
          channel.position(start), start, Math.max(start, Math.min(partition.end(), size)));
    } catch (IOException | RuntimeException e) {
      channel.close();
      throw e;
    }
  }

  /** The position of the next byte, from the start of the range. */
  long position() {
    return position;
  }

  long length() {
    return end - start;
  }

  void seek(long newPosition) {
    try {
      channel.position(start + newPosition);
      position = newPosition;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Limits what may be read from here to this many bytes, whatever lengths the file claims. */
  void allow(long bytes) {
    readable = bytes;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    int wanted = (int) Math.min(length, length() - position);
    if (wanted <= 0) {
      return -1;
    }
    if (wanted > readable) {
      throw new IOException("a header of more than a megabyte");
    }
    try {
      int read = channel.read(ByteBuffer.wrap(bytes, offset, wanted));
      position += Math.max(0, read);
      readable -= Math.max(0, read);
      return read;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public long skip(long bytes) {
    long skipped = Math.max(0, Math.min(bytes, length() - position));
    if (skipped > 0) {
      seek(position + skipped);
    }
    return skipped;
  }

  @Override
  public int available() {
    return (int) Math.min(Integer.MAX_VALUE, length() - position);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
