package dev.beit2.io.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.Arrays;

/** Reads channels into arrays. */
final class ChannelBytes {
  /** The JDK keeps a buffer outside the heap, as long as the longest read, for each thread. */
  private static final int MOST_AT_ONCE = 1 << 18;

  private ChannelBytes() {}

  /** The next bytes: as many as asked for, or fewer at the end. */
  static byte[] read(ReadableByteChannel channel, int length) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(length);
    int read = 0;
    while (read >= 0 && buffer.position() < length) {
      buffer.limit(Math.min(length, buffer.position() + MOST_AT_ONCE));
      read = channel.read(buffer);
    }
    return buffer.position() == length
        ? buffer.array()
        : Arrays.copyOf(buffer.array(), buffer.position());
  }
}
