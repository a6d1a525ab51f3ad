package dev.beit2.pipelines;

import dev.beit2.io.store.StoredFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;

/**
 * A file that grows at its end. On the local disk what was appended is in the file at once; an
 * object store cannot append, so there the whole content is kept in memory and written anew by
 * {@link #flush}.
 */
abstract class AppendedFile implements AutoCloseable {

  /** Replaces a file's content by its start, and opens it for more. */
  static AppendedFile startingWith(StoredFile file, byte[] start) throws IOException {
    file.write(start);
    Optional<Path> path = file.localPath();
    return path.isPresent()
        ? new Local(FileChannel.open(path.get(), StandardOpenOption.APPEND))
        : new Remote(file, start);
  }

  abstract void append(byte[] bytes) throws IOException;

  abstract void flush() throws IOException;

  @Override
  public abstract void close() throws IOException;

  private static final class Local extends AppendedFile {
    private final FileChannel channel;

    Local(FileChannel channel) {
      this.channel = channel;
    }

    @Override
    void append(byte[] bytes) throws IOException {
      ByteBuffer buffer = ByteBuffer.wrap(bytes);
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    }

    @Override
    void flush() {}

    @Override
    public void close() throws IOException {
      channel.close();
    }
  }

  /** Package-private for its test, which has no object store at hand. */
  static final class Remote extends AppendedFile {
    private final StoredFile file;
    private final ByteArrayOutputStream content = new ByteArrayOutputStream();

    Remote(StoredFile file, byte[] start) {
      this.file = file;
      content.writeBytes(start);
    }

    @Override
    void append(byte[] bytes) {
      content.writeBytes(bytes);
    }

    @Override
    void flush() throws IOException {
      file.write(content.toByteArray());
    }

    @Override
    public void close() throws IOException {
      flush();
    }
  }
}
