package dev.beit2.io.store;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.NonWritableChannelException;
import java.nio.channels.SeekableByteChannel;
import java.util.function.Supplier;
import javax.annotation.Nullable;

/**
 * Reads an object whose length is known from anywhere. It makes a request where reading begins, and
 * where it goes on elsewhere; short distances ahead are read and dropped.
 */
final class SeekableObject implements SeekableByteChannel {
  private static final int NEAR = 1 << 20;

  private final Supplier<ObjectChannel> opener;
  private final long size;
  private long position;
  @Nullable private ObjectChannel open;
  private long openAt; // position of the open channel
  private boolean closed;

  SeekableObject(Supplier<ObjectChannel> opener, long size) {
    this.opener = opener;
    this.size = size;
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    if (position >= size) {
      return -1;
    }
    goToPosition();
    int read = open.read(into);
    if (read > 0) {
      position += read;
      openAt = position;
    }
    return read;
  }

  private void goToPosition() throws IOException {
    if (open != null && position > openAt && position - openAt <= NEAR) {
      openAt += ChannelBytes.read(open, (int) (position - openAt)).length;
    }
    if (open == null || position != openAt) {
      closeOpen();
      open = opener.get();
      open.limit(position, size);
      openAt = position;
    }
  }

  private void closeOpen() {
    if (open != null) {
      open.close();
      open = null;
    }
  }

  @Override
  public long position() {
    return position;
  }

  @Override
  public SeekableByteChannel position(long newPosition) {
    position = newPosition;
    return this;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public int write(ByteBuffer from) {
    throw new NonWritableChannelException();
  }

  @Override
  public SeekableByteChannel truncate(long newSize) {
    throw new NonWritableChannelException();
  }

  @Override
  public boolean isOpen() {
    return !closed;
  }

  @Override
  public void close() {
    closed = true;
    closeOpen();
  }
}
