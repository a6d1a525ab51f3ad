package dev.beit2.model.checkpoint;

import static dev.beit2.model.checkpoint.InvalidCheckpointException.shown;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.annotation.Nullable;

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
  private static final int LARGEST_HEADER = 100_000_000;
  private static final int MOST_DIMENSIONS = 8;
  private static final int CHUNK = 1 << 16;
  private static final ObjectMapper MAPPER =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxStringLength(LARGEST_HEADER)
                          .maxNestingDepth(MOST_DIMENSIONS)
                          .build())
                  .build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
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

  /** The tensors to read, given the header of a file that may have others, too. */
  public interface Choice {
    /**
     * The layout of the chosen tensors, all of which the file has.
     *
     * @throws InvalidCheckpointException if the file cannot be used
     */
    Layout of(SafetensorsHeader header) throws InvalidCheckpointException;
  }

  /** What a file's tensors must be, given its metadata. */
  public interface Expected {
    /**
     * The layout.
     *
     * @throws InvalidCheckpointException if the metadata is not what it must be
     */
    Layout of(Map<String, String> metadata) throws InvalidCheckpointException;
  }

  /**
   * Reads a whole file of any tensors; the caller closes the result.
   *
   * @throws InvalidCheckpointException if it is not exactly a safetensors file
   */
  public static Safetensors read(ReadableByteChannel in) throws IOException {
    return read(in, header(in), null);
  }

  /**
   * Reads a whole file, which must have exactly the tensors that are expected; the caller closes
   * the result. Names, types, shapes and the config are checked before the first tensor is read.
   *
   * @throws InvalidCheckpointException if it is not such a file, naming the first difference
   */
  public static Safetensors read(ReadableByteChannel in, Expected expected) throws IOException {
    return readSome(in, header -> exactly(header, expected));
  }

  /**
   * Reads the chosen tensors of a file and passes over the others; the caller closes the result.
   *
   * @throws InvalidCheckpointException if the file is broken or cannot be used
   */
  public static Safetensors readSome(ReadableByteChannel in, Choice choice) throws IOException {
    SafetensorsHeader header = header(in);
    return read(in, header, choice.of(header));
  }

  private static Layout exactly(SafetensorsHeader header, Expected expected)
      throws InvalidCheckpointException {
    Layout layout = expected.of(header.metadata());
    layout.require(header.types());
    return layout;
  }

  private static Safetensors read(
      ReadableByteChannel in, SafetensorsHeader header, @Nullable Layout layout)
      throws IOException {
    StateDict tensors = new StateDict();
    try {
      for (Map.Entry<String, Entry> tensor : header.tensors().entrySet()) {
        String name = tensor.getKey();
        Entry entry = tensor.getValue();
        if (layout != null && !layout.tensors().containsKey(name)) {
          skip(in, entry.size());
          continue;
        }
        ByteBuffer data =
            ByteBuffer.allocateDirect((int) entry.size()).order(ByteOrder.nativeOrder());
        fill(in, data);
        if (layout != null) {
          TensorValues values = new TensorValues(name, layout.tensors().get(name));
          values.next(data);
          values.end();
        }
        // DJL wraps the buffer; the copy is memory that closing the tensor frees.
        try (NDArray wrapped =
            tensors.manager().create(data, shape(entry), TYPES.get(entry.dtype()))) {
          tensors.put(name, wrapped.duplicate());
        }
      }
      requireEnd(in);
    } catch (IOException | RuntimeException e) {
      tensors.close();
      throw e;
    }
    return new Safetensors(header.metadata(), tensors);
  }

  /**
   * Checks a whole file as {@link #read(ReadableByteChannel, Expected)} does, in a small buffer and
   * without native memory.
   *
   * @return its header
   * @throws InvalidCheckpointException as {@code read} throws it
   */
  public static SafetensorsHeader check(ReadableByteChannel in, Expected expected)
      throws IOException {
    return checkSome(in, header -> exactly(header, expected));
  }

  /**
   * Checks a file as {@link #readSome} does, in a small buffer and without native memory.
   *
   * @return its header
   * @throws InvalidCheckpointException as {@code readSome} throws it
   */
  public static SafetensorsHeader checkSome(ReadableByteChannel in, Choice choice)
      throws IOException {
    SafetensorsHeader header = header(in);
    Layout layout = choice.of(header);
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
    for (Map.Entry<String, Entry> tensor : header.tensors().entrySet()) {
      String name = tensor.getKey();
      Layout.Tensor wanted = layout.tensors().get(name);
      if (wanted == null) {
        skip(in, tensor.getValue().size());
        continue;
      }
      TensorValues values = new TensorValues(name, wanted);
      for (long left = tensor.getValue().size(); left > 0; left -= chunk.limit()) {
        values.next(fill(in, chunk.clear().limit((int) Math.min(CHUNK, left))));
      }
      values.end();
    }
    requireEnd(in);
    return header;
  }

  private static void skip(ReadableByteChannel in, long bytes) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
    for (long left = bytes; left > 0; left -= chunk.limit()) {
      fill(in, chunk.clear().limit((int) Math.min(CHUNK, left)));
    }
  }

  /**
   * Reads a file up to its first tensor; {@code in} is positioned there afterwards. Uses no native
   * memory.
   *
   * @throws InvalidCheckpointException if it is no header of a safetensors file
   */
  public static SafetensorsHeader header(ReadableByteChannel in) throws IOException {
    ByteBuffer length = fill(in, ByteBuffer.allocate(Long.BYTES)).order(ByteOrder.LITTLE_ENDIAN);
    long headerBytes = length.getLong(0);
    if (headerBytes < 2 || headerBytes > LARGEST_HEADER) {
      throw notSafetensors("its header would have " + headerBytes + " bytes");
    }
    ByteBuffer bytes = ByteBuffer.allocate(Long.BYTES + (int) headerBytes).put(length);
    fill(in, bytes);
    ObjectNode header = parse(bytes.array());
    Map<String, String> metadata = metadata(header.remove("__metadata__"));
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
      throw notSafetensors("its header is not a JSON object: " + shown(e.getOriginalMessage()));
    }
    throw notSafetensors("its header is not a JSON object");
  }

  private static InvalidCheckpointException notSafetensors(String why) {
    return new InvalidCheckpointException("not a safetensors file: " + why);
  }

  private static Map<String, String> metadata(@Nullable JsonNode json)
      throws InvalidCheckpointException {
    Map<String, String> metadata = new TreeMap<>();
    if (json == null) {
      return metadata;
    }
    if (!(json instanceof ObjectNode texts)) {
      throw notSafetensors("its metadata is not a JSON object");
    }
    for (Map.Entry<String, JsonNode> text : texts.properties()) {
      if (!text.getValue().isTextual()) {
        throw notSafetensors("its metadata " + shown(text.getKey()) + " is not text");
      }
      metadata.put(text.getKey(), text.getValue().textValue());
    }
    return metadata;
  }

  private static List<Map.Entry<String, JsonNode>> byOffset(ObjectNode header) {
    List<Map.Entry<String, JsonNode>> tensors = new ArrayList<>();
    header.fields().forEachRemaining(tensors::add);
    // An empty tensor comes before the one that begins where it ends.
    tensors.sort(
        Comparator.<Map.Entry<String, JsonNode>>comparingLong(
                tensor -> offset(tensor.getValue(), 0))
            .thenComparingLong(tensor -> offset(tensor.getValue(), 1)));
    return tensors;
  }

  /** An offset; −1 if there is none. */
  private static long offset(JsonNode tensor, int end) {
    return integer(tensor.path("data_offsets").path(end));
  }

  private static long integer(JsonNode number) {
    return number.isIntegralNumber() && number.canConvertToLong() ? number.longValue() : -1;
  }

  /** Type, shape and offsets of a tensor, which must start at {@code at}. */
  private static Entry entry(String name, JsonNode tensor, long headerEnd, long at)
      throws IOException {
    DataType type =
        tensor.path("dtype").isTextual() ? TYPES.get(tensor.get("dtype").asText()) : null;
    List<Long> shape = new ArrayList<>();
    tensor.path("shape").forEach(size -> shape.add(integer(size)));
    long start = headerEnd + offset(tensor, 0);
    long end = headerEnd + offset(tensor, 1);
    if (type == null
        || tensor.size() != 3
        || !tensor.path("shape").isArray()
        || tensor.path("data_offsets").size() != 2
        || start != at
        || end - start > Integer.MAX_VALUE
        || end - start != bytes(shape, type)) {
      throw notSafetensors("tensor %s is %s".formatted(shown(name), shown(tensor.toString())));
    }
    return new Entry(tensor.get("dtype").asText(), shape, start, end);
  }

  /** Bytes of a tensor; −1 if there is none of that shape. */
  private static long bytes(List<Long> shape, DataType type) {
    if (shape.size() > MOST_DIMENSIONS) {
      return -1;
    }
    long bytes = type.getNumOfBytes();
    for (long size : shape) {
      if (size < 0 || size > Integer.MAX_VALUE || bytes > Integer.MAX_VALUE) {
        return -1;
      }
      bytes *= size;
    }
    return bytes;
  }

  private static Shape shape(Entry entry) {
    return new Shape(entry.shape());
  }

  private static ByteBuffer fill(ReadableByteChannel in, ByteBuffer buffer) throws IOException {
    while (buffer.hasRemaining()) {
      if (in.read(buffer) < 0) {
        throw new InvalidCheckpointException("the file ends early");
      }
    }
    return buffer.flip();
  }

  private static void requireEnd(ReadableByteChannel in) throws IOException {
    ByteBuffer one = ByteBuffer.allocate(1);
    int read = 0;
    while (read == 0) {
      read = in.read(one);
    }
    if (read > 0) {
      throw new InvalidCheckpointException("the file goes on after its last tensor");
    }
  }

  /** Writes metadata and tensors; {@code out} stays open. */
  public static void write(
      WritableByteChannel out, Map<String, String> metadata, Map<String, NDArray> tensors)
      throws IOException {
    drain(out, layOut(metadata, types(tensors)).bytes());
    for (NDArray tensor : tensors.values()) {
      try (NDManager copies = Torch.newManager()) {
        drain(out, Torch.onCpu(copies, tensor).toByteBuffer(true));
      }
    }
  }

  /**
   * The header of a new file: its bytes, and where each tensor goes.
   *
   * @param tensors in the order of the file
   */
  public static SafetensorsHeader layOut(
      Map<String, String> metadata, Map<String, TensorType> tensors) {
    byte[] header = json(metadata, tensors).toString().getBytes(StandardCharsets.UTF_8);
    // Spaces up to a multiple of eight, so that the tensors are aligned when the file is mapped.
    int padded = (header.length + 7) / 8 * 8;
    ByteBuffer start = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    start.putLong(padded).put(header);
    while (start.hasRemaining()) {
      start.put((byte) ' ');
    }
    start.flip();
    Map<String, Entry> placed = new LinkedHashMap<>();
    long at = start.limit();
    for (Map.Entry<String, TensorType> tensor : tensors.entrySet()) {
      TensorType type = tensor.getValue();
      long end = at + bytes(type);
      placed.put(tensor.getKey(), new Entry(type.dtype(), type.shape(), at, end));
      at = end;
    }
    return new SafetensorsHeader(start, metadata, placed);
  }

  private static ObjectNode json(Map<String, String> metadata, Map<String, TensorType> tensors) {
    ObjectNode header = MAPPER.createObjectNode();
    ObjectNode texts = header.putObject("__metadata__");
    new TreeMap<>(metadata).forEach(texts::put);
    long at = 0;
    for (Map.Entry<String, TensorType> tensor : tensors.entrySet()) {
      ObjectNode description = header.putObject(tensor.getKey());
      description.put("dtype", tensor.getValue().dtype());
      ArrayNode shape = description.putArray("shape");
      tensor.getValue().shape().forEach(shape::add);
      long end = at + bytes(tensor.getValue());
      description.putArray("data_offsets").add(at).add(end);
      at = end;
    }
    return header;
  }

  private static long bytes(TensorType tensor) {
    long bytes = TYPES.get(tensor.dtype()).getNumOfBytes();
    for (long size : tensor.shape()) {
      bytes *= size;
    }
    return bytes;
  }

  private static Map<String, TensorType> types(Map<String, NDArray> tensors) {
    Map<String, TensorType> types = new LinkedHashMap<>();
    tensors.forEach(
        (name, tensor) ->
            types.put(
                name,
                new TensorType(
                    name(tensor.getDataType()),
                    Arrays.stream(tensor.getShape().getShape()).boxed().toList())));
    return types;
  }

  /** The layout of a file of tensors with these types and shapes, and any finite values. */
  public static Layout layout(Map<String, NDArray> tensors) {
    Map<String, Layout.Tensor> layout = new LinkedHashMap<>();
    types(tensors)
        .forEach(
            (name, type) ->
                layout.put(name, new Layout.Tensor(type.dtype(), type.shape(), true, null)));
    return new Layout(layout);
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
