package dev.beit2.pipelines.run;

import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.Optional;
import org.apache.commons.compress.utils.SeekableInMemoryByteChannel;

/**
 * A file that is appended to. On the local disk only the new end is written; a crash may leave a
 * part of it, which the next append cuts off. An object store cannot append, so there the whole
 * file is rewritten.
 */
record GrowingFile(StoredFile file) {

  /**
   * The new end of a file.
   *
   * @param from offset at which it begins; the content before it is kept
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record End(long from, byte[] bytes) {}

  /** Computes the new end of a file from its content, which is empty if there is no file. */
  interface Continuation {
    End of(SeekableByteChannel content) throws IOException;
  }

  void append(Continuation continuation) throws IOException {
    Optional<Path> local = file.localPath();
    if (local.isPresent()) {
      appendLocally(local.get(), continuation);
    } else {
      byte[] old = file.exists() ? file.readBytes() : new byte[0];
      End end = continuation.of(new SeekableInMemoryByteChannel(old));
      int from = Math.toIntExact(end.from());
      byte[] content = Arrays.copyOf(old, from + end.bytes().length);
      System.arraycopy(end.bytes(), 0, content, from, end.bytes().length);
      file.write(content);
    }
  }

  private static void appendLocally(Path path, Continuation continuation) throws IOException {
    try (FileChannel channel =
        FileChannel.open(
            path, StandardOpenOption.READ, StandardOpenOption.WRITE, StandardOpenOption.CREATE)) {
      End end = continuation.of(channel);
      channel.truncate(end.from());
      channel.position(end.from());
      ByteBuffer buffer = ByteBuffer.wrap(end.bytes());
      while (buffer.hasRemaining()) {
        channel.write(buffer);
      }
    }
  }
}
