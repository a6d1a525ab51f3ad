package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * An ONNX model that is being built: nodes, and the tensors that they read from the checkpoint,
 * under the names that they have there. Numbers of fields are those of {@code onnx.proto}.
 */
final class OnnxGraph {
  static final String BATCH = "batch";

  private static final int IR_VERSION = 8;
  private static final int OPSET = 17; // the first with LayerNormalization
  private static final int FLOAT = 1;
  private static final int INT64 = 7;
  private static final Map<String, Integer> TYPES = Map.of("F32", FLOAT, "I64", INT64);

  private final SourceModel model;
  private final ProtoMessage nodes = new ProtoMessage();
  private final ProtoMessage ports = new ProtoMessage();
  private final ProtoMessage constants = new ProtoMessage();
  private final Map<String, Entry> weights = new LinkedHashMap<>();
  private int count;

  OnnxGraph(SourceModel model) {
    this.model = model;
  }

  /** A tensor of the checkpoint, by its name there. */
  String weight(String name) {
    weights.put(name, model.tensors().get(name));
    return name;
  }

  boolean hasWeight(String name) {
    return model.tensors().containsKey(name);
  }

  /** A constant float32 tensor. */
  String floats(List<Long> shape, float... values) {
    ByteBuffer bytes = littleEndian(values.length * Float.BYTES);
    bytes.asFloatBuffer().put(values);
    return constant(FLOAT, shape, bytes);
  }

  /** A constant vector of int64. */
  String longs(long... values) {
    ByteBuffer bytes = littleEndian(values.length * Long.BYTES);
    bytes.asLongBuffer().put(values);
    return constant(INT64, List.of((long) values.length), bytes);
  }

  /** The int64 index 0, a scalar: a Gather with it drops the axis. */
  String first() {
    return constant(INT64, List.of(), littleEndian(Long.BYTES));
  }

  private static ByteBuffer littleEndian(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private String constant(int type, List<Long> shape, ByteBuffer values) {
    String name = "constant_" + count++;
    constants.message(5, tensor(name, type, shape).bytes(9, values.array()));
    return name;
  }

  private static ProtoMessage tensor(String name, int type, List<Long> shape) {
    ProtoMessage tensor = new ProtoMessage();
    shape.forEach(size -> tensor.number(1, size));
    return tensor.number(2, type).text(8, name);
  }

  /** Adds a node with one output, whose name it returns. */
  String node(String operator, Map<String, Object> attributes, String... inputs) {
    String output = operator + "_" + count++;
    node(operator, attributes, List.of(output), inputs);
    return output;
  }

  /**
   * Adds a node.
   *
   * @param attributes Long, Float or a list of Long by name
   * @param outputs their names
   */
  void node(
      String operator, Map<String, Object> attributes, List<String> outputs, String... inputs) {
    ProtoMessage node = new ProtoMessage();
    Arrays.stream(inputs).forEach(input -> node.text(1, input));
    outputs.forEach(output -> node.text(2, output));
    node.text(3, outputs.get(0)).text(4, operator);
    attributes.entrySet().stream()
        .sorted(Map.Entry.comparingByKey()) // the same network gives the same bytes
        .forEach(attribute -> node.message(5, attribute(attribute.getKey(), attribute.getValue())));
    nodes.message(1, node);
  }

  private static ProtoMessage attribute(String name, Object value) {
    ProtoMessage attribute = new ProtoMessage().text(1, name);
    if (value instanceof Float number) {
      return attribute.number(2, number.floatValue()).number(20, 1);
    }
    if (value instanceof Long number) {
      return attribute.number(3, number.longValue()).number(20, 2);
    }
    for (Object number : (List<?>) value) {
      attribute.number(8, ((Long) number).longValue());
    }
    return attribute.number(20, 7);
  }

  /**
   * Declares the input.
   *
   * @param shape its sizes behind the batch
   */
  void input(String name, String description, long... shape) {
    ports.message(11, port(name, description, shape));
  }

  /**
   * Declares an output, which a node has.
   *
   * @param shape its sizes behind the batch
   */
  void output(String name, String description, long... shape) {
    ports.message(12, port(name, description, shape));
  }

  private static ProtoMessage port(String name, String description, long... shape) {
    ProtoMessage sizes = new ProtoMessage().message(1, new ProtoMessage().text(2, BATCH));
    for (long size : shape) {
      sizes.message(1, new ProtoMessage().number(1, size));
    }
    ProtoMessage tensor = new ProtoMessage().number(1, FLOAT).message(2, sizes);
    return new ProtoMessage()
        .text(1, name)
        .message(2, new ProtoMessage().message(1, tensor))
        .text(3, description);
  }

  /**
   * Checks that the file is not too long to be read again.
   *
   * @throws InvalidCheckpointException if it has 2 GB or more, the most that protobuf reads
   */
  void requireReadable() throws InvalidCheckpointException {
    long bytes = weights.values().stream().mapToLong(Entry::size).sum();
    if (bytes > Integer.MAX_VALUE - (1 << 24)) {
      throw new InvalidCheckpointException(
          "found %d bytes of weights; wanted less than 2 GB, the most that an ONNX file holds"
              .formatted(bytes));
    }
  }

  /** Writes the model; weights pass in small pieces. */
  void write(WritableByteChannel out) throws IOException {
    ProtoMessage name = new ProtoMessage().text(2, "beit2");
    long length = (long) nodes.size() + name.size() + constants.size() + ports.size();
    for (Map.Entry<String, Entry> weight : weights.entrySet()) {
      length += start(weight).size() + weight.getValue().size();
    }
    ProtoMessage start =
        new ProtoMessage()
            .number(1, IR_VERSION)
            .text(2, "beit2-beam")
            .message(8, new ProtoMessage().text(1, "").number(2, OPSET))
            .begin(7, length);
    for (ProtoMessage part : List.of(start, nodes, name, constants)) {
      Export.drain(out, ByteBuffer.wrap(part.toByteArray()));
    }
    for (Map.Entry<String, Entry> weight : weights.entrySet()) {
      Export.drain(out, ByteBuffer.wrap(start(weight).toByteArray()));
      model.copy(weight.getValue(), bytes -> Export.drain(out, bytes));
    }
    Export.drain(out, ByteBuffer.wrap(ports.toByteArray()));
  }

  /** The field of a weight, without its values. */
  private static ProtoMessage start(Map.Entry<String, Entry> weight) {
    Entry entry = weight.getValue();
    ProtoMessage tensor =
        tensor(weight.getKey(), TYPES.get(entry.dtype()), entry.shape()).begin(9, entry.size());
    byte[] head = tensor.toByteArray();
    return new ProtoMessage().begin(5, head.length + entry.size()).raw(head);
  }
}
