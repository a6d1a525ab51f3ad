package dev.beit2.model.checkpoint;

import dev.beit2.model.checkpoint.WeightsFile.Storages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.util.Iterator;
import java.util.List;
import java.util.function.Supplier;
import java.util.zip.CRC32;

/**
 * A safetensors file that is made while it is read: a header, then one tensor after another. In
 * memory are the part of a tensor that is read next, or, if its elements do not follow each other,
 * that tensor.
 */
final class TensorStream implements ReadableByteChannel {
  private static final int CHUNK = 1 << 14;
  private static final int LARGEST_STRIDED = 1 << 28;

  /** The bytes of one tensor. */
  interface Part {
    /** Begins to read them. */
    Source open() throws IOException;
  }

  /** The bytes of one tensor, a chunk at a time. */
  interface Source {
    /** The next bytes; none at the end. */
    ByteBuffer next() throws IOException;
  }

  private final SeekableByteChannel file;
  private final Iterator<Part> parts;
  private ByteBuffer chunk;
  private Source source = () -> ByteBuffer.allocate(0);

  TensorStream(SeekableByteChannel file, ByteBuffer header, List<Part> parts) {
    this.file = file;
    this.chunk = header;
    this.parts = parts.iterator();
  }

  @Override
  public int read(ByteBuffer to) throws IOException {
    while (!chunk.hasRemaining()) {
      chunk = source.next();
      if (!chunk.hasRemaining()) {
        if (!parts.hasNext()) {
          return -1;
        }
        source = parts.next().open();
      }
    }
    int count = Math.min(to.remaining(), chunk.remaining());
    to.put(chunk.slice(chunk.position(), count));
    chunk.position(chunk.position() + count);
    return count;
  }

  @Override
  public boolean isOpen() {
    return file.isOpen();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  /** Integers that the network knows itself. */
  static Part constants(Supplier<long[]> values) {
    return () -> {
      long[] all = values.get();
      return new Source() {
        private int done;

        @Override
        public ByteBuffer next() {
          int count = Math.min(CHUNK, all.length - done);
          ByteBuffer bytes = allocate(count * Long.BYTES);
          for (int i = 0; i < count; i++) {
            bytes.putLong(all[done++]);
          }
          return bytes.flip();
        }
      };
    };
  }

  private static ByteBuffer allocate(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * A tensor of a PyTorch file.
   *
   * @throws InvalidCheckpointException if it is not within its storage, or the storage is not as
   *     long as the tensor says
   */
  static Part tensor(SeekableByteChannel file, Storages storages, String name, TorchTensor tensor)
      throws IOException {
    FilePart storage =
        storages
            .find(tensor.storage())
            .orElseThrow(() -> new InvalidCheckpointException("found no numbers of " + name));
    long stored = storage.size() / tensor.type().bytes();
    boolean asLong =
        tensor.storage().type() != null
            && storage.size() / tensor.storage().type().bytes() == tensor.storage().size()
            && storage.size() % tensor.storage().type().bytes() == 0;
    long last = tensor.last();
    if (!asLong || last < 0 || last >= stored) {
      throw new InvalidCheckpointException(
          "found %s of %s with strides %s from %d in a storage of %d, of which the file has %d bytes"
              .formatted(
                  name,
                  tensor.shape(),
                  tensor.strides(),
                  tensor.offset(),
                  tensor.storage().size(),
                  storage.size()));
    }
    return () ->
        tensor.contiguous()
            ? new Rows(file, storage, name, tensor)
            : new Strided(file, storage, name, tensor);
  }

  /** The bytes of a storage that a tensor spans. */
  private static class Span {
    private final FileWindow in;
    private final CRC32 crc = new CRC32();
    private final FilePart storage;
    private final String name;
    final TorchTensor tensor;

    Span(SeekableByteChannel file, FilePart storage, String name, TorchTensor tensor)
        throws IOException {
      int width = tensor.type().bytes();
      this.in =
          new FileWindow(
              file,
              storage.start() + tensor.offset() * width,
              (tensor.last() - tensor.offset() + 1) * width);
      this.storage = storage;
      this.name = name;
      this.tensor = tensor;
    }

    long elementsLeft() {
      return in.left() / tensor.type().bytes();
    }

    /** The next elements, as they are in the file; the checksum is checked with the last ones. */
    ByteBuffer elements(int count) throws IOException {
      byte[] bytes = in.bytes(count * tensor.type().bytes());
      crc.update(bytes);
      boolean whole = tensor.offset() == 0 && in.position() == storage.start() + storage.size();
      if (whole && storage.crc() != null && storage.crc() != crc.getValue()) {
        throw new InvalidCheckpointException(
            "found %s damaged: its checksum is %08x; wanted %08x"
                .formatted(name, crc.getValue(), storage.crc()));
      }
      return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }
  }

  /** A tensor whose elements follow each other. */
  private static final class Rows extends Span implements Source {
    Rows(SeekableByteChannel file, FilePart storage, String name, TorchTensor tensor)
        throws IOException {
      super(file, storage, name, tensor);
    }

    @Override
    public ByteBuffer next() throws IOException {
      int count = (int) Math.min(CHUNK, elementsLeft());
      ByteBuffer from = elements(count);
      ByteBuffer to = allocate(count * Long.BYTES);
      for (int i = 0; i < count; i++) {
        tensor.type().convert(from, i * tensor.type().bytes(), to);
      }
      return to.flip();
    }
  }

  /** A tensor that is transposed, or a part of another one. */
  private static final class Strided extends Span implements Source {
    private final ByteBuffer from;
    private final long[] index;
    private long left;

    Strided(SeekableByteChannel file, FilePart storage, String name, TorchTensor tensor)
        throws IOException {
      super(file, storage, name, tensor);
      if (elementsLeft() > LARGEST_STRIDED / tensor.type().bytes()) {
        throw new InvalidCheckpointException(
            "found %s with strides %s over %d numbers; wanted one whose rows follow each other"
                .formatted(name, tensor.strides(), elementsLeft()));
      }
      this.from = elements((int) elementsLeft());
      this.index = new long[tensor.shape().size()];
      this.left = tensor.elements();
    }

    @Override
    public ByteBuffer next() {
      int count = (int) Math.min(CHUNK, left);
      ByteBuffer to = allocate(count * Long.BYTES);
      for (int i = 0; i < count; i++) {
        tensor.type().convert(from, at() * tensor.type().bytes(), to);
        advance();
      }
      left -= count;
      return to.flip();
    }

    private int at() {
      long at = 0;
      for (int i = 0; i < index.length; i++) {
        at += index[i] * tensor.strides().get(i);
      }
      return (int) at;
    }

    private void advance() {
      for (int i = index.length - 1; i >= 0 && ++index[i] == tensor.shape().get(i); i--) {
        index[i] = 0;
      }
    }
  }
}
