package dev.beit2.model.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;

/** A part of a file, read from its start in little-endian numbers. Nothing is read past its end. */
final class FileWindow {
  private static final int BUFFER = 1 << 13;

  private final SeekableByteChannel file;
  private final long end;
  private final ByteBuffer buffer =
      ByteBuffer.allocate(BUFFER).order(ByteOrder.LITTLE_ENDIAN).limit(0);
  // Where the file goes on after the buffer.
  private long next;

  /**
   * @throws InvalidCheckpointException if the part is not within the file
   */
  FileWindow(SeekableByteChannel file, long start, long size) throws IOException {
    if (start < 0 || size < 0 || start > file.size() - size) {
      throw endsEarly();
    }
    this.file = file;
    this.next = start;
    this.end = start + size;
  }

  static InvalidCheckpointException endsEarly() {
    return new InvalidCheckpointException("the file ends early");
  }

  /** The offset in the file of the next byte. */
  long position() {
    return next - buffer.remaining();
  }

  long left() {
    return end - position();
  }

  private ByteBuffer require(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      if (left() < bytes) {
        throw endsEarly();
      }
      buffer.compact().limit((int) Math.min(BUFFER, buffer.position() + end - next));
      file.position(next);
      while (buffer.hasRemaining()) {
        int read = file.read(buffer);
        if (read < 0) {
          throw endsEarly();
        }
        next += read;
      }
      buffer.flip();
    }
    return buffer;
  }

  /** The next byte, 0 to 255. */
  int u8() throws IOException {
    return require(1).get() & 0xff;
  }

  int u16() throws IOException {
    return require(2).getShort() & 0xffff;
  }

  int i32() throws IOException {
    return require(4).getInt();
  }

  long u32() throws IOException {
    return i32() & 0xffffffffL;
  }

  long i64() throws IOException {
    return require(8).getLong();
  }

  /** The next bytes, of which there must be that many before anything is allocated. */
  byte[] bytes(int count) throws IOException {
    if (count > left()) {
      throw endsEarly();
    }
    byte[] bytes = new byte[count];
    for (int done = 0; done < count; ) {
      ByteBuffer some = require(1);
      int length = Math.min(some.remaining(), count - done);
      some.get(bytes, done, length);
      done += length;
    }
    return bytes;
  }

  void skip(long count) throws IOException {
    if (count < 0 || count > left()) {
      throw endsEarly();
    }
    long buffered = Math.min(count, buffer.remaining());
    buffer.position(buffer.position() + (int) buffered);
    next += count - buffered;
  }

  /** Text up to the next line feed, which is passed over. */
  String line(int longest) throws IOException {
    byte[] line = new byte[longest];
    for (int length = 0; length < longest; length++) {
      int next = u8();
      if (next == '\n') {
        return new String(line, 0, length, StandardCharsets.UTF_8);
      }
      line[length] = (byte) next;
    }
    throw new InvalidCheckpointException(
        "found a line of more than " + longest + " bytes in a pickle");
  }
}
