package dev.beit2.model.checkpoint;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The safetensors format: eight bytes of header length, a JSON header of (dtype, shape, offsets) by
 * name, the tensors' bytes. Tensors are read and written one at a time; the same tensors and
 * metadata give the same bytes.
 *
 * @param metadata free text by name
 * @param tensors the tensors, in the file's order
 */
public record Safetensors(Map<String, String> metadata, StateDict tensors)
    implements AutoCloseable {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private static final int LARGEST_HEADER = 100_000_000;
  private static final Map<String, DataType> TYPES =
      Map.of(
          "F64", DataType.FLOAT64,
          "F32", DataType.FLOAT32,
          "F16", DataType.FLOAT16,
          "BF16", DataType.BFLOAT16,
          "I64", DataType.INT64,
          "I32", DataType.INT32,
          "U8", DataType.UINT8,
          "I8", DataType.INT8,
          "BOOL", DataType.BOOLEAN);

  /**
   * Reads a whole file; the caller closes the result.
   *
   * @throws IOException if it ends early or is not a safetensors file
   */
  public static Safetensors read(ReadableByteChannel in) throws IOException {
    SafetensorsHeader header = header(in);
    StateDict tensors = new StateDict();
    try {
      for (Map.Entry<String, Entry> entry : header.tensors().entrySet()) {
        readTensor(in, entry.getKey(), entry.getValue(), tensors);
      }
    } catch (IOException | RuntimeException e) {
      tensors.close();
      throw e;
    }
    return new Safetensors(header.metadata(), tensors);
  }

  /**
   * Reads a file up to its first tensor; {@code in} is positioned there afterwards. Uses no native
   * memory.
   *
   * @throws IOException if it ends early or is not a safetensors file
   */
  public static SafetensorsHeader header(ReadableByteChannel in) throws IOException {
    ByteBuffer length = fill(in, ByteBuffer.allocate(Long.BYTES)).order(ByteOrder.LITTLE_ENDIAN);
    long headerBytes = length.getLong(0);
    if (headerBytes < 2 || headerBytes > LARGEST_HEADER) {
      throw new IOException(
          "not a safetensors file: its header would have " + headerBytes + " bytes");
    }
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + (int) headerBytes).put(length);
    fill(in, bytes);
    ObjectNode header = parse(bytes.array());
    Map<String, String> metadata = new TreeMap<>();
    if (header.remove("__metadata__") instanceof ObjectNode texts) {
      texts.fields().forEachRemaining(e -> metadata.put(e.getKey(), e.getValue().asText()));
    }
    Map<String, Entry> tensors = new LinkedHashMap<>();
    long at = bytes.limit();
    for (Map.Entry<String, JsonNode> tensor : byOffset(header)) {
      Entry entry = entry(tensor.getKey(), tensor.getValue(), bytes.limit(), at);
      tensors.put(tensor.getKey(), entry);
      at = entry.end();
    }
    return new SafetensorsHeader(bytes, metadata, tensors);
  }

  private static ObjectNode parse(byte[] start) throws IOException {
    try {
      JsonNode json = MAPPER.readTree(start, Long.BYTES, start.length - Long.BYTES);
      if (json instanceof ObjectNode header) {
        return header;
      }
    } catch (JsonProcessingException e) {
      throw new IOException("not a safetensors file: its header is not a JSON object", e);
    }
    throw new IOException("not a safetensors file: its header is not a JSON object");
  }

  private static List<Map.Entry<String, JsonNode>> byOffset(ObjectNode header) {
    List<Map.Entry<String, JsonNode>> tensors = new ArrayList<>();
    header.fields().forEachRemaining(tensors::add);
    tensors.sort(Comparator.comparingLong(tensor -> offset(tensor.getValue(), 0)));
    return tensors;
  }

  private static long offset(JsonNode tensor, int end) {
    return tensor.path("data_offsets").path(end).asLong(-1);
  }

  /** Type, shape and offsets of a tensor, which must start at {@code at}. */
  private static Entry entry(String name, JsonNode tensor, long headerEnd, long at)
      throws IOException {
    String dtype = tensor.path("dtype").asText();
    List<Long> shape = new ArrayList<>();
    tensor.path("shape").forEach(size -> shape.add(size.asLong(-1)));
    Entry entry =
        new Entry(dtype, shape, headerEnd + offset(tensor, 0), headerEnd + offset(tensor, 1));
    DataType type = TYPES.get(dtype);
    if (type == null
        || !tensor.path("shape").isArray()
        || shape.stream().anyMatch(size -> size < 0)
        || entry.start() != at
        || entry.end() - at != shape(entry).size() * type.getNumOfBytes()) {
      throw new IOException("not a sound safetensors file: tensor " + name + " is " + tensor);
    }
    return entry;
  }

  private static Shape shape(Entry entry) {
    return new Shape(entry.shape());
  }

  private static void readTensor(ReadableByteChannel in, String name, Entry entry, StateDict into)
      throws IOException {
    ByteBuffer data =
        ByteBuffer.allocateDirect(Math.toIntExact(entry.end() - entry.start()))
            .order(ByteOrder.nativeOrder());
    fill(in, data);
    // DJL wraps the buffer; the copy is memory that closing the tensor frees.
    try (NDArray wrapped = into.manager().create(data, shape(entry), TYPES.get(entry.dtype()))) {
      into.put(name, wrapped.duplicate());
    }
  }

  private static ByteBuffer fill(ReadableByteChannel in, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (in.read(buffer) < 0) {
        throw new EOFException("the file ends " + buffer.remaining() + " bytes early");
      }
    }
    return buffer.flip();
  }

  /** Writes metadata and tensors; {@code out} stays open. */
  public static void write(
      WritableByteChannel out, Map<String, String> metadata, Map<String, NDArray> tensors)
      throws IOException {
    byte[] header = header(metadata, tensors).toString().getBytes(StandardCharsets.UTF_8);
    // Spaces up to a multiple of eight, so that the tensors are aligned when the file is mapped.
    int padded = (header.length + 7) / 8 * 8;
    ByteBuffer start = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    start.putLong(padded).put(header);
    while (start.hasRemaining()) {
      start.put((byte) ' ');
    }
    drain(out, start.flip());
    for (NDArray tensor : tensors.values()) {
      try (NDManager copies = Torch.newManager()) {
        drain(out, Torch.onCpu(copies, tensor).toByteBuffer(true));
      }
    }
  }

  private static ObjectNode header(Map<String, String> metadata, Map<String, NDArray> tensors) {
    ObjectNode header = MAPPER.createObjectNode();
    ObjectNode texts = header.putObject("__metadata__");
    new TreeMap<>(metadata).forEach(texts::put);
    long at = 0;
    for (Map.Entry<String, NDArray> entry : tensors.entrySet()) {
      NDArray tensor = entry.getValue();
      ObjectNode description = header.putObject(entry.getKey());
      description.put("dtype", name(tensor.getDataType()));
      ArrayNode shape = description.putArray("shape");
      for (long size : tensor.getShape().getShape()) {
        shape.add(size);
      }
      long end = at + tensor.size() * tensor.getDataType().getNumOfBytes();
      description.putArray("data_offsets").add(at).add(end);
      at = end;
    }
    return header;
  }

  private static String name(DataType type) {
    return TYPES.entrySet().stream()
        .filter(e -> e.getValue() == type)
        .map(Map.Entry::getKey)
        .findAny()
        .orElseThrow(() -> new IllegalArgumentException("safetensors has no type " + type));
  }

  private static void drain(WritableByteChannel out, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      out.write(buffer);
    }
  }

  /**
   * The tensors whose names start with {@code prefix}, by the rest of their names. They still
   * belong to this file.
   */
  public Map<String, NDArray> under(String prefix) {
    Map<String, NDArray> found = new LinkedHashMap<>();
    tensors
        .tensors()
        .forEach(
            (name, tensor) -> {
              if (name.startsWith(prefix)) {
                found.put(name.substring(prefix.length()), tensor);
              }
            });
    return found;
  }

  @Override
  public void close() {
    tensors.close();
  }
}
