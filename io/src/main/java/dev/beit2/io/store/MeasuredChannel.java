package dev.beit2.io.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32C;

/**
 * Measures the bytes that are written to a channel. Closing it ends the writing but leaves the
 * channel open, because only the code that opened the channel knows whether the file is complete.
 */
final class MeasuredChannel implements WritableByteChannel {
  private final WritableByteChannel channel;
  private final CRC32C crc = new CRC32C();
  private long bytes;
  private boolean open = true;

  MeasuredChannel(WritableByteChannel channel) {
    this.channel = channel;
  }

  WriteResult written() {
    return new WriteResult(bytes, (int) crc.getValue());
  }

  @Override
  public int write(ByteBuffer source) throws IOException {
    if (!open) {
      throw new ClosedChannelException();
    }
    ByteBuffer passed = source.duplicate();
    int count = channel.write(source);
    crc.update(passed.limit(passed.position() + count));
    bytes += count;
    return count;
  }

  @Override
  public boolean isOpen() {
    return open;
  }

  @Override
  public void close() {
    open = false;
  }
}
