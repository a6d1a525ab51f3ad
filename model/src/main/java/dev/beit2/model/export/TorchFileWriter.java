package dev.beit2.model.export;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * What {@code torch.save({"model": state_dict}, FILE)} writes: a zip archive of stored files.
 * {@code data.pkl} describes the tensors, {@code data/K} holds the values of the K-th. The pickle
 * names what {@code torch.load(weights_only=True)} allows, and nothing else.
 */
final class TorchFileWriter {
  private static final String FOLDER = "archive/";
  private static final Map<String, String> STORAGES =
      Map.of("F32", "FloatStorage", "I64", "LongStorage");
  private static final int LOCAL_HEADER = 30; // bytes before the name
  private static final int ALIGNMENT = 64;
  private static final short PADDING = 0x4246; // "FB", PyTorch's tag for it
  private static final LocalDateTime TIME = LocalDateTime.of(2000, 1, 1, 0, 0);

  private TorchFileWriter() {}

  /** Writes a state dict; {@code out} stays open. */
  static void write(SourceModel model, Map<String, Entry> tensors, WritableByteChannel out)
      throws IOException {
    Counting counting = new Counting(Channels.newOutputStream(out));
    ZipOutputStream zip = new ZipOutputStream(counting);
    zip.setMethod(ZipOutputStream.STORED);
    store(zip, counting, "data.pkl", new Pickle().stateDict(tensors));
    store(zip, counting, "byteorder", "little".getBytes(US_ASCII));
    int number = 0;
    for (Entry tensor : tensors.values()) {
      CRC32 crc = new CRC32();
      model.copy(tensor, crc::update);
      begin(zip, counting, "data/" + number, tensor.size(), crc);
      model.copy(tensor, bytes -> zip.write(bytes.array(), bytes.position(), bytes.remaining()));
      zip.closeEntry();
      number++;
    }
    store(zip, counting, "version", "3\n".getBytes(US_ASCII));
    zip.finish();
    zip.flush();
  }

  private static void store(ZipOutputStream zip, Counting out, String name, byte[] content)
      throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    begin(zip, out, name, content.length, crc);
    zip.write(content);
    zip.closeEntry();
  }

  /** Begins a file whose content is aligned, so that PyTorch can map it into memory. */
  private static void begin(ZipOutputStream zip, Counting out, String name, long size, CRC32 crc)
      throws IOException {
    ZipEntry entry = new ZipEntry(FOLDER + name);
    entry.setTimeLocal(TIME); // the same tensors give the same bytes
    entry.setSize(size);
    entry.setCompressedSize(size);
    entry.setCrc(crc.getValue());
    zip.flush();
    long content = out.written + LOCAL_HEADER + entry.getName().length() + 4;
    int padding = (int) Math.floorMod(-content, (long) ALIGNMENT);
    entry.setExtra(
        ByteBuffer.allocate(4 + padding)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putShort(PADDING)
            .putShort((short) padding)
            .array());
    zip.putNextEntry(entry);
  }

  /** Counts the bytes that pass. */
  private static final class Counting extends OutputStream {
    private final OutputStream out;
    private long written;

    Counting(OutputStream out) {
      this.out = out;
    }

    @Override
    public void write(int b) throws IOException {
      out.write(b);
      written++;
    }

    @Override
    public void write(byte[] bytes, int from, int length) throws IOException {
      out.write(bytes, from, length);
      written += length;
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }
  }

  /** The few opcodes of pickle protocol 2 that a state dict needs. */
  private static final class Pickle {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    byte[] stateDict(Map<String, Entry> tensors) {
      op(0x80).op(2); // PROTO
      op('}').op('('); // EMPTY_DICT, MARK
      text("model");
      orderedDict();
      op('(');
      int key = 0;
      for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
        text(tensor.getKey());
        tensor(tensor.getValue(), key++);
      }
      op('u'); // SETITEMS of the state dict
      op('u'); // SETITEMS of the dict around it
      op('.'); // STOP
      return out.toByteArray();
    }

    private void tensor(Entry tensor, int key) {
      global("torch._utils", "_rebuild_tensor_v2");
      op('(');
      storage(tensor, key);
      number(0); // offset in the storage
      tuple(tensor.shape());
      tuple(strides(tensor.shape()));
      op(0x89); // NEWFALSE: needs no gradient
      orderedDict(); // hooks
      op('t').op('R'); // TUPLE, REDUCE
    }

    private void storage(Entry tensor, int key) {
      op('(');
      text("storage");
      global("torch", STORAGES.get(tensor.dtype()));
      text(Integer.toString(key));
      text("cpu");
      number(tensor.shape().stream().reduce(1L, (a, b) -> a * b));
      op('t').op('Q'); // TUPLE, BINPERSID
    }

    private static List<Long> strides(List<Long> shape) {
      Long[] strides = new Long[shape.size()];
      long stride = 1;
      for (int i = strides.length - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= shape.get(i);
      }
      return List.of(strides);
    }

    private void orderedDict() {
      global("collections", "OrderedDict");
      op(')').op('R'); // EMPTY_TUPLE, REDUCE
    }

    private void tuple(List<Long> numbers) {
      op('(');
      numbers.forEach(this::number);
      op('t');
    }

    private void global(String module, String name) {
      op('c').bytes((module + "\n" + name + "\n").getBytes(US_ASCII));
    }

    private void text(String text) {
      byte[] utf8 = text.getBytes(UTF_8);
      op('X').int32(utf8.length).bytes(utf8); // BINUNICODE
    }

    private void number(long number) {
      op('J').int32(Math.toIntExact(number)); // BININT
    }

    private Pickle int32(int number) {
      return bytes(
          ByteBuffer.allocate(Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN).putInt(number).array());
    }

    private Pickle op(int code) {
      out.write(code);
      return this;
    }

    private Pickle bytes(byte[] bytes) {
      out.writeBytes(bytes);
      return this;
    }
  }
}
