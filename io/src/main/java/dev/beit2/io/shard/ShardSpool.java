package dev.beit2.io.shard;

import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.SeededRandom;
import java.io.BufferedOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.apache.beam.sdk.coders.Coder;

/**
 * Sorts the rows of a shard, which arrive in any order, by {@link SeededRandom#hash} of (seed,
 * key), then by key. The rows are kept in a local temporary file; only their keys are in memory.
 */
final class ShardSpool<T> implements Closeable {
  private final ShardFormat<T, ?> format;
  private final Coder<T> coder;
  private final FileChannel file;
  private final OutputStream out;
  private final List<Entry> entries = new ArrayList<>();
  private long end;

  private record Entry(long hash, String key, long offset, int length) {
    static final Comparator<Entry> ORDER =
        Comparator.comparingLong(Entry::hash).thenComparing(Entry::key);
  }

  ShardSpool(ShardFormat<T, ?> format) throws IOException {
    this.format = format;
    this.coder = format.rowCoder();
    this.file =
        FileChannel.open(
            Files.createTempFile("beit2-shard-", ".spool"), READ, WRITE, DELETE_ON_CLOSE);
    this.out = new BufferedOutputStream(Channels.newOutputStream(file), 1 << 16);
  }

  void add(T row) throws IOException {
    ByteArrayOutputStream bytes =
        new ByteArrayOutputStream(Math.toIntExact(format.bytes(row)) + 1024);
    coder.encode(row, bytes);
    bytes.writeTo(out);
    String key = format.key(row);
    entries.add(new Entry(SeededRandom.hash(format.seed(), key), key, end, bytes.size()));
    end += bytes.size();
  }

  /**
   * The rows in their order, each read on demand.
   *
   * @throws InvalidInputException if two have the same key
   */
  Iterable<T> inOrder() throws IOException {
    out.flush();
    entries.sort(Entry.ORDER);
    for (int i = 1; i < entries.size(); i++) {
      String key = entries.get(i).key();
      if (key.equals(entries.get(i - 1).key())) {
        throw new InvalidInputException("two images with the key " + key, "one image a key");
      }
    }
    return () -> entries.stream().map(this::read).iterator();
  }

  private T read(Entry entry) {
    ByteBuffer bytes = ByteBuffer.allocate(entry.length());
    try {
      while (bytes.hasRemaining()) {
        if (file.read(bytes, entry.offset() + bytes.position()) < 0) {
          throw new EOFException("the temporary file of a shard got shorter");
        }
      }
      return coder.decode(new ByteArrayInputStream(bytes.array()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
