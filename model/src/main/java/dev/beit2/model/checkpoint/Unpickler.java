package dev.beit2.model.checkpoint;

import dev.beit2.model.checkpoint.TorchTensor.Storage;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.annotation.Nullable;

/**
 * Reads a pickle of Python as far as a state dict needs it. A pickle is a program; here nothing of
 * it is run. It knows dicts, lists, texts, numbers, and what PyTorch writes for a tensor. All else,
 * such as the arguments of a script or the numbers of NumPy, is {@link #OPAQUE}.
 *
 * <p>The results are {@code Map<String, Object>} for dicts (without keys that are no text), {@code
 * List<Object>} for lists and tuples, String, Long, Boolean, {@link BigInteger}, {@link
 * TorchTensor}, {@link Storage} and {@link Global}. They may contain themselves, so nobody may walk
 * through all of them, print or compare them.
 */
final class Unpickler {
  /** Stands for everything that a state dict does not need. */
  static final Object OPAQUE = new Object();

  /** A name of Python; it is never looked up. */
  record Global(String module, String name) {
    boolean is(String wantedModule, String... names) {
      return module.equals(wantedModule) && List.of(names).contains(name);
    }
  }

  /** An object of a TorchScript program: its class is not made, its attributes are kept. */
  static final class Instance {
    private final Global type;
    private Map<String, Object> state = Map.of();

    Instance(Global type) {
      this.type = type;
    }

    Global type() {
      return type;
    }

    Map<String, Object> state() {
      return state;
    }
  }

  private static final String TORCH_SCRIPT = "__torch__";

  /** Bytes of the longest pickle; those of the official files are a thousandth of that. */
  static final int LONGEST = 1 << 24;

  /** Each instruction makes one small object at most, so this bounds the memory. */
  private static final int MOST_INSTRUCTIONS = 1 << 20;

  private static final int LONGEST_TEXT = 1 << 10;
  private static final int MOST_DIMENSIONS = 8;

  private final FileWindow in;
  private final List<Object> stack = new ArrayList<>();
  private final List<Integer> marks = new ArrayList<>();
  private final Map<Long, Object> memo = new HashMap<>();
  private final Map<String, Storage> storages;

  private Unpickler(FileWindow in, Map<String, Storage> storages) {
    this.in = in;
    this.storages = storages;
  }

  /**
   * Reads one pickle; {@code in} is positioned after it.
   *
   * @throws InvalidCheckpointException if it is none, is too large, or has instructions that
   *     PyTorch does not write
   */
  static Object read(FileWindow in) throws IOException {
    return read(in, new HashMap<>());
  }

  /**
   * Reads one pickle; {@code in} is positioned after it.
   *
   * @param storages receives the storages that it names, by key
   * @throws InvalidCheckpointException as the other method throws it
   */
  static Object read(FileWindow in, Map<String, Storage> storages) throws IOException {
    return new Unpickler(in, storages).run();
  }

  private Object run() throws IOException {
    long start = in.position();
    for (int i = 0; i < MOST_INSTRUCTIONS && in.position() - start < LONGEST; i++) {
      int instruction = in.u8();
      if (instruction == '.') {
        return pop();
      }
      step(instruction);
    }
    throw invalid("it is longer than that of any state dict");
  }

  private static InvalidCheckpointException invalid(String why) {
    return new InvalidCheckpointException("not a pickle of PyTorch: " + why);
  }

  private void step(int instruction) throws IOException {
    switch (instruction) {
      case 0x80 -> in.u8(); // PROTO
      case 0x95 -> in.i64(); // FRAME
      case '(' -> marks.add(stack.size());
      case '0' -> pop();
      case '1' -> popToMark();
      case '2' -> push(top());
      case 'N' -> push(OPAQUE); // None
      case 0x88 -> push(true);
      case 0x89 -> push(false);
      case 'J' -> push((long) in.i32());
      case 'K' -> push((long) in.u8());
      case 'M' -> push((long) in.u16());
      case 0x8a -> push(integer(in.bytes(in.u8())));
      case 0x8b -> skipped(in.u32()); // LONG4: larger than any size
      case 'G' -> skipped(Double.BYTES);
      case 0x8c -> text(in.u8());
      case 'X' -> text(in.u32());
      case 0x8d -> text(in.i64());
      case 'U', 'C' -> skipped(in.u8());
      case 'T', 'B' -> skipped(in.u32());
      case 0x8e, 0x96 -> skipped(in.i64());
      default -> structure(instruction);
    }
  }

  private void structure(int instruction) throws IOException {
    switch (instruction) {
      case ')', ']' -> push(new ArrayList<>());
      case '}' -> push(new LinkedHashMap<>());
      case 0x8f -> push(OPAQUE); // an empty set
      case 't', 'l' -> push(popToMark());
      case 0x85 -> push(popLast(1));
      case 0x86 -> push(popLast(2));
      case 0x87 -> push(popLast(3));
      case 'd' -> {
        List<Object> items = popToMark();
        push(new LinkedHashMap<>());
        setItems(items);
      }
      case 'a' -> append(popLast(1));
      case 'e', 0x90 -> append(popToMark());
      case 's' -> setItems(popLast(2));
      case 'u' -> setItems(popToMark());
      case 0x91 -> {
        popToMark(); // a frozen set
        push(OPAQUE);
      }
      case 'q' -> memo.put((long) in.u8(), top());
      case 'r' -> memo.put(in.u32(), top());
      case 0x94 -> memo.put((long) memo.size(), top());
      case 'h' -> push(remembered(in.u8()));
      case 'j' -> push(remembered(in.u32()));
      default -> object(instruction);
    }
  }

  private void object(int instruction) throws IOException {
    switch (instruction) {
      case 'c' -> push(new Global(in.line(LONGEST_TEXT), in.line(LONGEST_TEXT)));
      case 0x93 -> {
        List<Object> names = popLast(2);
        push(
            names.get(0) instanceof String module && names.get(1) instanceof String name
                ? new Global(module, name)
                : OPAQUE);
      }
      case 'R' -> {
        List<Object> call = popLast(2);
        push(call.get(0) instanceof Global global ? made(global, call.get(1)) : OPAQUE);
      }
      case 0x81 -> push(instance(popLast(2))); // NEWOBJ
      case 0x92 -> replace(3); // NEWOBJ_EX
      case 'o' -> {
        popToMark();
        push(OPAQUE);
      }
      case 'b' -> build(pop());
      case 'Q' -> push(storage(pop()));
      default -> throw invalid("found the instruction 0x%02x".formatted(instruction));
    }
  }

  private static Object instance(List<Object> classAndArguments) {
    return classAndArguments.get(0) instanceof Global type && type.module().startsWith(TORCH_SCRIPT)
        ? new Instance(type)
        : OPAQUE;
  }

  /** Gives an object its state. A dict's, its {@code _metadata}, is not needed. */
  @SuppressWarnings("unchecked") // All maps here are from String to Object.
  private void build(Object state) throws InvalidCheckpointException {
    if (top() instanceof Instance instance && state instanceof Map<?, ?> attributes) {
      instance.state = (Map<String, Object>) attributes;
    }
  }

  private void replace(int operands) throws InvalidCheckpointException {
    popLast(operands);
    push(OPAQUE);
  }

  private void push(Object value) {
    stack.add(value);
  }

  private int bottom() {
    return marks.isEmpty() ? 0 : marks.get(marks.size() - 1);
  }

  private Object top() throws InvalidCheckpointException {
    if (stack.size() <= bottom()) {
      throw invalid("an instruction lacks its operands");
    }
    return stack.get(stack.size() - 1);
  }

  private Object pop() throws InvalidCheckpointException {
    Object top = top();
    stack.remove(stack.size() - 1);
    return top;
  }

  private List<Object> popLast(int count) throws InvalidCheckpointException {
    if (stack.size() - bottom() < count) {
      throw invalid("an instruction lacks its operands");
    }
    return popFrom(stack.size() - count);
  }

  private List<Object> popToMark() throws InvalidCheckpointException {
    if (marks.isEmpty()) {
      throw invalid("an instruction lacks its operands");
    }
    return popFrom(marks.remove(marks.size() - 1));
  }

  private List<Object> popFrom(int start) {
    List<Object> above = stack.subList(start, stack.size());
    List<Object> popped = new ArrayList<>(above);
    above.clear();
    return popped;
  }

  private Object remembered(long index) throws InvalidCheckpointException {
    Object value = memo.get(index);
    if (value == null) {
      throw invalid("it refers to something that is not there");
    }
    return value;
  }

  private void skipped(long bytes) throws IOException {
    in.skip(bytes);
    push(OPAQUE);
  }

  /** A text; one that is too long for a name is not needed. */
  private void text(long bytes) throws IOException {
    if (bytes < 0 || bytes > LONGEST_TEXT) {
      skipped(bytes);
    } else {
      push(new String(in.bytes((int) bytes), StandardCharsets.UTF_8));
    }
  }

  private static Object integer(byte[] littleEndian) {
    byte[] bigEndian = new byte[littleEndian.length];
    for (int i = 0; i < bigEndian.length; i++) {
      bigEndian[i] = littleEndian[bigEndian.length - 1 - i];
    }
    BigInteger value = bigEndian.length == 0 ? BigInteger.ZERO : new BigInteger(bigEndian);
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value;
  }

  @SuppressWarnings("unchecked") // All lists here are of Objects.
  private void append(List<Object> items) throws InvalidCheckpointException {
    if (top() instanceof List<?> list) {
      ((List<Object>) list).addAll(items);
    }
  }

  @SuppressWarnings("unchecked") // All maps here are from String to Object.
  private void setItems(List<Object> items) throws InvalidCheckpointException {
    if (items.size() % 2 != 0) {
      throw invalid("a key lacks its value");
    }
    if (top() instanceof Map<?, ?> map) {
      for (int i = 0; i < items.size(); i += 2) {
        if (items.get(i) instanceof String key) {
          ((Map<String, Object>) map).put(key, items.get(i + 1));
        }
      }
    }
  }

  /** What PyTorch makes by calling a function. */
  private static Object made(Global function, Object arguments) {
    if (!(arguments instanceof List<?> list)) {
      return OPAQUE;
    }
    if (function.is("collections", "OrderedDict")) {
      return new LinkedHashMap<String, Object>();
    }
    if (function.is("torch._utils", "_rebuild_parameter") && !list.isEmpty()) {
      return list.get(0);
    }
    if (function.is("torch._utils", "_rebuild_tensor", "_rebuild_tensor_v2")) {
      return tensor(list, null);
    }
    if (function.is("torch._utils", "_rebuild_tensor_v3") && list.size() > 6) {
      return list.get(6) instanceof Global dtype ? tensor(list, dtype) : OPAQUE;
    }
    return OPAQUE;
  }

  /**
   * A tensor from (storage, offset, size, stride, …).
   *
   * @param dtype its type; null if it is the storage's
   */
  private static Object tensor(List<?> arguments, @Nullable Global dtype) {
    if (arguments.size() < 4
        || !(arguments.get(0) instanceof Storage storage)
        || !(arguments.get(1) instanceof Long offset)) {
      return OPAQUE;
    }
    Optional<List<Long>> shape = longs(arguments.get(2));
    Optional<List<Long>> strides = longs(arguments.get(3));
    if (shape.isEmpty() || strides.isEmpty() || shape.get().size() != strides.get().size()) {
      return OPAQUE;
    }
    TorchType type = dtype == null ? storage.type() : TorchType.ofName(dtype.name()).orElse(null);
    return new TorchTensor(storage, type, offset, shape.get(), strides.get());
  }

  private static Optional<List<Long>> longs(Object list) {
    if (!(list instanceof List<?> values) || values.size() > MOST_DIMENSIONS) {
      return Optional.empty();
    }
    List<Long> longs = new ArrayList<>();
    for (Object value : values) {
      if (!(value instanceof Long number)) {
        return Optional.empty();
      }
      longs.add(number);
    }
    return Optional.of(List.copyOf(longs));
  }

  /**
   * A storage from ('storage', class, key, device, size, view). The device does not matter. Views
   * of storages are older than any file that people have.
   */
  private Object storage(Object id) {
    if (id instanceof List<?> parts
        && parts.size() >= 5
        && "storage".equals(parts.get(0))
        && parts.get(1) instanceof Global type
        && parts.get(2) instanceof String key
        && parts.get(4) instanceof Long size
        && (parts.size() == 5 || parts.get(5) == OPAQUE)) {
      Storage storage = new Storage(type.name(), key, size);
      storages.put(key, storage);
      return storage;
    }
    return OPAQUE;
  }
}
