package dev.beit2.model.checkpoint;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Makes .pth files byte by byte, sound and unsound. */
public final class PthFile {
  /** Numbers in the storage of {@link Pickle#tensor(String, List)}. */
  public static final int STORED = 4096;

  private PthFile() {}

  /** A file of {@code pth/}, without its ending. */
  public static byte[] resource(String name) throws IOException {
    try (InputStream in = PthFile.class.getResourceAsStream("/pth/" + name + ".pth")) {
      return in.readAllBytes();
    }
  }

  /** A file in memory. */
  public static SeekableByteChannel channel(byte[] bytes) {
    return new SeekableByteChannel() {
      private long position;

      @Override
      public int read(ByteBuffer to) {
        if (position >= bytes.length) {
          return -1;
        }
        int count = (int) Math.min(to.remaining(), bytes.length - position);
        to.put(bytes, (int) position, count);
        position += count;
        return count;
      }

      @Override
      public int write(ByteBuffer from) {
        throw new UnsupportedOperationException();
      }

      @Override
      public long position() {
        return position;
      }

      @Override
      public SeekableByteChannel position(long to) {
        if (to < 0) {
          throw new IllegalArgumentException("position " + to);
        }
        position = to;
        return this;
      }

      @Override
      public long size() {
        return bytes.length;
      }

      @Override
      public SeekableByteChannel truncate(long size) {
        throw new UnsupportedOperationException();
      }

      @Override
      public boolean isOpen() {
        return true;
      }

      @Override
      public void close() {}
    };
  }

  /** All that a channel has. */
  public static byte[] all(ReadableByteChannel in) throws IOException {
    return Channels.newInputStream(in).readAllBytes();
  }

  /** The instructions of a pickle. */
  public static final class Pickle {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    /** Protocol 2. */
    public Pickle() {
      raw(0x80, 2);
    }

    public Pickle raw(int... bytes) {
      for (int value : bytes) {
        out.write(value);
      }
      return this;
    }

    public Pickle dict() {
      return raw('}');
    }

    public Pickle text(String text) {
      byte[] bytes = text.getBytes(UTF_8);
      raw('X').int32(bytes.length);
      out.writeBytes(bytes);
      return this;
    }

    public Pickle int32(int value) {
      out.writeBytes(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(value).array());
      return this;
    }

    /** An integer of 8 bytes. */
    public Pickle number(long value) {
      raw(0x8a, 8);
      out.writeBytes(ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(value).array());
      return this;
    }

    public Pickle global(String module, String name) {
      out.writeBytes(("c" + module + "\n" + name + "\n").getBytes(US_ASCII));
      return this;
    }

    public Pickle tuple(List<Long> numbers) {
      raw('(');
      numbers.forEach(this::number);
      return raw('t');
    }

    public Pickle setItem() {
      return raw('s');
    }

    /** A storage of so many elements. */
    public Pickle storage(String className, String key, long size) {
      return raw('(')
          .text("storage")
          .global("torch", className)
          .text(key)
          .text("cpu")
          .number(size)
          .raw('t', 'Q');
    }

    /** A tensor whose rows follow each other, at the start of the storage 0. */
    public Pickle tensor(String className, List<Long> shape) {
      Long[] strides = new Long[shape.size()];
      long step = 1;
      for (int i = strides.length - 1; i >= 0; i--) {
        strides[i] = step;
        step *= shape.get(i);
      }
      return tensor(className, STORED, 0, shape, List.of(strides));
    }

    /** A view of the storage 0 of so many elements. */
    public Pickle tensor(
        String className, long size, long offset, List<Long> shape, List<Long> strides) {
      return global("torch._utils", "_rebuild_tensor_v2")
          .raw('(')
          .storage(className, "0", size)
          .number(offset)
          .tuple(shape)
          .tuple(strides)
          .raw(0x89)
          .global("collections", "OrderedDict")
          .raw(')', 'R', 't', 'R');
    }

    public byte[] end() {
      return raw('.').out.toByteArray();
    }
  }

  /** A zip of a pickle and other entries in the folder {@code archive}. */
  public static byte[] zip(byte[] pickle, Map<String, byte[]> others) {
    Map<String, byte[]> entries = new LinkedHashMap<>();
    entries.put("archive/data.pkl", pickle);
    others.forEach((name, bytes) -> entries.put("archive/" + name, bytes));
    return zip(entries);
  }

  /** A zip of stored entries. */
  public static byte[] zip(Map<String, byte[]> entries) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      for (Map.Entry<String, byte[]> entry : entries.entrySet()) {
        CRC32 crc = new CRC32();
        crc.update(entry.getValue());
        ZipEntry stored = new ZipEntry(entry.getKey());
        stored.setMethod(ZipEntry.STORED);
        stored.setSize(entry.getValue().length);
        stored.setCrc(crc.getValue());
        zip.putNextEntry(stored);
        zip.write(entry.getValue());
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }
}
