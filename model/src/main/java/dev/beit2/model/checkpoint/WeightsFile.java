package dev.beit2.model.checkpoint;

import static dev.beit2.model.checkpoint.InvalidCheckpointException.shown;

import dev.beit2.model.checkpoint.TorchTensor.Storage;
import dev.beit2.model.checkpoint.Unpickler.Instance;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.zip.CRC32;

/**
 * The named tensors of a file that other people's tools have written: a state dict of {@code
 * torch.save} ({@code .pth}), as a zip archive or in the form from before PyTorch 1.6; the
 * parameters of a TorchScript program; or safetensors. Which it is, is told by its content. Only
 * names, types and shapes are read at first, and nothing of a pickle or program is run. The numbers
 * are read when they are needed, one tensor at a time.
 */
public final class WeightsFile {
  private static final int ZIP = 0x504b0304; // "PK"
  private static final List<Integer> LEGACY = List.of(0x80028a0a, 0x8004950d, 0x8005950d);
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL = 1001;
  private static final String PICKLE = "data.pkl";
  private static final String PROGRAM = "constants.pkl";
  private static final int LONGEST_TEXT = 1 << 10;
  private static final int MOST_MODULES = 1 << 16;

  /** Where the state dict may be, in the order of the official code; else it is the top. */
  private static final List<String> STATE_DICTS = List.of("model", "module", "state_dict");

  /** Finds the bytes of a storage. */
  interface Storages {
    /** Empty if there is no such storage. */
    Optional<FilePart> find(Storage storage) throws IOException;
  }

  /**
   * The tensors that one of a layout is made of.
   *
   * @param names in the file; several are put one below the other, along the first dimension
   * @param transposed whether rows and columns of a matrix change places
   */
  public record Source(List<String> names, boolean transposed) {
    /** Copies the names. */
    public Source {
      names = List.copyOf(names);
    }

    /** A tensor as it is. */
    public static Source of(String... names) {
      return new Source(List.of(names), false);
    }
  }

  private final SeekableByteChannel file;
  private final Storages storages;
  private final Map<String, Object> state;
  private final Map<String, String> classes;

  private WeightsFile(
      SeekableByteChannel file,
      Storages storages,
      Map<String, Object> state,
      Map<String, String> classes) {
    this.file = file;
    this.storages = storages;
    this.state = state;
    this.classes = classes;
  }

  /** Whether a file begins as one of PyTorch. */
  public static boolean isOfTorch(SeekableByteChannel file) throws IOException {
    if (file.size() < Integer.BYTES) {
      return false;
    }
    int start = Integer.reverseBytes(new FileWindow(file, 0, Integer.BYTES).i32());
    return start == ZIP || LEGACY.contains(start);
  }

  /**
   * Reads names, types and shapes. The file stays open for {@link #asSafetensors}.
   *
   * @throws InvalidCheckpointException if it is none of these files, or has big-endian numbers
   */
  public static WeightsFile read(SeekableByteChannel file) throws IOException {
    if (!isOfTorch(file)) {
      return safetensors(file);
    }
    int start = Integer.reverseBytes(new FileWindow(file, 0, Integer.BYTES).i32());
    return start == ZIP ? zip(file) : legacy(file);
  }

  /** Each tensor has a storage of its own, of its name. */
  private static WeightsFile safetensors(SeekableByteChannel file) throws IOException {
    SafetensorsHeader header = Safetensors.header(file.position(0));
    Map<String, Object> tensors = new LinkedHashMap<>();
    for (Map.Entry<String, SafetensorsHeader.Entry> tensor : header.tensors().entrySet()) {
      tensors.put(tensor.getKey(), TorchTensor.of(tensor.getKey(), tensor.getValue()));
    }
    return new WeightsFile(
        file,
        storage ->
            Optional.ofNullable(header.tensors().get(storage.key()))
                .map(entry -> new FilePart(entry.start(), entry.size(), null)),
        tensors,
        Map.of());
  }

  private static WeightsFile zip(SeekableByteChannel file) throws IOException {
    StoredZip zip = StoredZip.read(file);
    String folder = folder(zip);
    Optional<FilePart> order = zip.find(folder + "byteorder");
    if (order.isPresent()) {
      requireLittleEndian(text(file, order.get()).equals("little"));
    }
    FilePart pickle = zip.find(folder + PICKLE).orElseThrow();
    requireIntact(file, pickle);
    Object top = Unpickler.read(new FileWindow(file, pickle.start(), pickle.size()));
    Storages storages = storage -> zip.find(folder + "data/" + storage.key());
    if (top instanceof Instance program && zip.names().contains(folder + PROGRAM)) {
      Map<String, String> classes = new LinkedHashMap<>();
      return new WeightsFile(file, storages, parameters(program, classes), classes);
    }
    return new WeightsFile(file, storages, stateDict(top), Map.of());
  }

  /** The archive's folder, which has the name that the file had when it was written. */
  private static String folder(StoredZip zip) throws InvalidCheckpointException {
    List<String> pickles =
        zip.names().stream().filter(name -> name.matches("[^/]*/" + PICKLE)).toList();
    if (pickles.size() != 1) {
      throw invalid("%d entries are named %s".formatted(pickles.size(), PICKLE));
    }
    return pickles.get(0).substring(0, pickles.get(0).length() - PICKLE.length());
  }

  /**
   * A text that was saved with a TorchScript program ({@code _extra_files}).
   *
   * @return empty if the file is no zip archive, or has no such text
   */
  public static Optional<String> extra(SeekableByteChannel file, String name) throws IOException {
    int start = Integer.reverseBytes(new FileWindow(file, 0, Integer.BYTES).i32());
    if (start != ZIP) {
      return Optional.empty();
    }
    StoredZip zip = StoredZip.read(file);
    Optional<FilePart> part = zip.find(folder(zip) + "extra/" + name);
    return part.isPresent() ? Optional.of(text(file, part.get())) : Optional.empty();
  }

  /** A module on the way through a program. */
  private record Module(String prefix, Instance instance) {}

  /**
   * The tensors of a program by the names that they have in a state dict.
   *
   * @param classes receives the class of each module by its name
   */
  private static Map<String, Object> parameters(Instance program, Map<String, String> classes)
      throws InvalidCheckpointException {
    Map<String, Object> tensors = new LinkedHashMap<>();
    Deque<Module> open = new ArrayDeque<>(List.of(new Module("", program)));
    while (!open.isEmpty()) {
      Module module = open.pop();
      classes.put(module.prefix(), module.instance().type().name());
      for (Map.Entry<String, Object> attribute : module.instance().state().entrySet()) {
        String name = module.prefix() + attribute.getKey();
        if (attribute.getValue() instanceof TorchTensor tensor) {
          tensors.put(name, tensor);
        } else if (attribute.getValue() instanceof Instance inner) {
          open.push(new Module(name + ".", inner));
        }
      }
      // Modules may contain each other.
      if (classes.size() + open.size() + tensors.size() > MOST_MODULES
          || module.prefix().length() > LONGEST_TEXT) {
        throw invalid("its program has more modules than any teacher");
      }
    }
    return tensors;
  }

  private static void requireIntact(SeekableByteChannel file, FilePart pickle) throws IOException {
    if (pickle.size() > Unpickler.LONGEST) {
      throw invalid("its %s has %d bytes".formatted(PICKLE, pickle.size()));
    }
    CRC32 crc = new CRC32();
    crc.update(new FileWindow(file, pickle.start(), pickle.size()).bytes((int) pickle.size()));
    if (crc.getValue() != pickle.crc()) {
      throw invalid("its %s is damaged".formatted(PICKLE));
    }
  }

  private static String text(SeekableByteChannel file, FilePart part) throws IOException {
    int size = (int) Math.min(part.size(), LONGEST_TEXT);
    byte[] bytes = new FileWindow(file, part.start(), size).bytes(size);
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  private static void requireLittleEndian(boolean little) throws InvalidCheckpointException {
    if (!little) {
      throw new InvalidCheckpointException("found big-endian numbers; wanted little-endian ones");
    }
  }

  /** Pickles of magic number, protocol, system, object and keys; then size and bytes by key. */
  private static WeightsFile legacy(SeekableByteChannel file) throws IOException {
    FileWindow in = new FileWindow(file, 0, file.size());
    if (!MAGIC.equals(Unpickler.read(in)) || !Long.valueOf(PROTOCOL).equals(Unpickler.read(in))) {
      throw invalid("it has another magic number or protocol");
    }
    requireLittleEndian(
        Unpickler.read(in) instanceof Map<?, ?> system
            && Boolean.TRUE.equals(system.get("little_endian")));
    Map<String, Storage> met = new HashMap<>();
    Object top = Unpickler.read(in, met);
    if (!(Unpickler.read(in) instanceof List<?> keys)) {
      throw invalid("it has no list of storages");
    }
    Map<Storage, FilePart> parts = new HashMap<>();
    for (Object key : keys) {
      Storage storage = key instanceof String name ? met.get(name) : null;
      if (storage == null || storage.type() == null) {
        throw invalid("it has a storage of an unknown type");
      }
      long size = in.i64();
      if (size < 0 || size > in.left() / storage.type().bytes()) {
        throw FileWindow.endsEarly();
      }
      long bytes = size * storage.type().bytes();
      if (parts.put(storage, new FilePart(in.position(), bytes, null)) != null) {
        throw invalid("it has a storage twice");
      }
      in.skip(bytes);
    }
    return new WeightsFile(
        file, storage -> Optional.ofNullable(parts.get(storage)), stateDict(top), Map.of());
  }

  private static InvalidCheckpointException invalid(String why) {
    return new InvalidCheckpointException("not a file of torch.save: " + why);
  }

  @SuppressWarnings("unchecked") // All maps of a pickle are from String to Object.
  private static Map<String, Object> stateDict(Object top) throws InvalidCheckpointException {
    if (top instanceof Map<?, ?> map) {
      for (String name : STATE_DICTS) {
        if (map.get(name) instanceof Map<?, ?> inner) {
          return (Map<String, Object>) inner;
        }
      }
      return (Map<String, Object>) map;
    }
    throw new InvalidCheckpointException("found no state dict in a file of torch.save");
  }

  /** Type and shape of each tensor by name, as they are after the conversion. */
  public Map<String, TensorType> tensors() {
    Map<String, TensorType> types = new LinkedHashMap<>();
    state.forEach(
        (name, value) -> {
          if (value instanceof TorchTensor tensor) {
            types.put(name, tensor.converted());
          }
        });
    return Collections.unmodifiableMap(types);
  }

  /** The classes of a TorchScript program's modules by their names, each with a dot at its end. */
  public Map<String, String> classes() {
    return Collections.unmodifiableMap(classes);
  }

  /**
   * The tensors of a network as the bytes of a safetensors file. They are read and converted as the
   * bytes are; closing the result closes the file.
   *
   * @param metadata of that file
   * @param layout its tensors. Constants are its own, so the file need not have them
   * @param sources what they are made of
   * @param ignored names of the file that do not matter
   * @throws InvalidCheckpointException if the file does not have exactly these tensors
   */
  public ReadableByteChannel asSafetensors(
      Map<String, String> metadata,
      Layout layout,
      Function<String, Source> sources,
      Predicate<String> ignored)
      throws IOException {
    Set<String> unused = new LinkedHashSet<>(state.keySet());
    unused.removeIf(ignored);
    List<TensorStream.Part> parts = new ArrayList<>();
    long elements = 0;
    for (Map.Entry<String, Layout.Tensor> wanted : layout.tensors().entrySet()) {
      Layout.Tensor tensor = wanted.getValue();
      if (tensor.constants() != null) {
        parts.add(TensorStream.constants(tensor.constants()));
      } else {
        Source source = sources.apply(wanted.getKey());
        parts.addAll(parts(source, tensor.type()));
        unused.removeAll(source.names());
      }
      elements += tensor.elements();
      if (elements > file.size()) {
        // Tensors may share storages: without a limit a few bytes would become any number of them.
        throw new InvalidCheckpointException(
            "found tensors of more than %1$d numbers in a file of %1$d bytes"
                .formatted(file.size()));
      }
    }
    for (String name : unused) {
      throw new InvalidCheckpointException(
          (state.get(name) instanceof TorchTensor
                  ? "found a tensor %s, which the network does not have"
                  : "found %s, which is no tensor")
              .formatted(shown(name)));
    }
    return new TensorStream(file, Safetensors.layOut(metadata, layout.types()).bytes(), parts);
  }

  private List<TensorStream.Part> parts(Source source, TensorType wanted) throws IOException {
    List<TensorStream.Part> parts = new ArrayList<>();
    TensorType type = wanted.withRows(source.names().size());
    for (String name : source.names()) {
      if (!(state.get(name) instanceof TorchTensor tensor)) {
        throw new InvalidCheckpointException("found no tensor " + name);
      }
      TorchTensor part = source.transposed() ? tensor.transposed() : tensor;
      if (!part.converted().equals(type)) {
        throw new InvalidCheckpointException(
            "found %s %s; wanted %s"
                .formatted(
                    name,
                    shown(tensor.converted().toString()),
                    source.transposed() ? type.transposed() : type));
      }
      parts.add(TensorStream.tensor(file, storages, name, part));
    }
    return parts;
  }
}
