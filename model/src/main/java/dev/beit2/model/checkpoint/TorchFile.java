package dev.beit2.model.checkpoint;

import static dev.beit2.model.checkpoint.InvalidCheckpointException.shown;

import dev.beit2.model.checkpoint.TorchTensor.Storage;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.zip.CRC32;

/**
 * The state dict in a file that {@code torch.save} has written ({@code .pth}), as a zip archive or
 * in the form from before PyTorch 1.6. Only its pickle is read at first; nothing of it is run. The
 * numbers are read when they are needed, one tensor at a time.
 */
public final class TorchFile {
  private static final int ZIP = 0x504b0304; // "PK"
  private static final int[] LEGACY = {0x80028a0a, 0x8004950d, 0x8005950d};
  private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);
  private static final long PROTOCOL = 1001;
  private static final String PICKLE = "data.pkl";
  private static final int LONGEST_BYTE_ORDER = 16;

  /** Where the state dict may be, in the order of the official code; else it is the top. */
  private static final List<String> STATE_DICTS = List.of("model", "module", "state_dict");

  /** Finds the bytes of a storage. */
  interface Storages {
    /** Empty if there is no such storage. */
    Optional<FilePart> find(Storage storage) throws IOException;
  }

  private final SeekableByteChannel file;
  private final Storages storages;
  private final Map<String, Object> state;

  private TorchFile(SeekableByteChannel file, Storages storages, Object top)
      throws InvalidCheckpointException {
    this.file = file;
    this.storages = storages;
    this.state = stateDict(top);
  }

  /** Whether a file begins as one of PyTorch. */
  public static boolean begins(SeekableByteChannel file) throws IOException {
    if (file.size() < Integer.BYTES) {
      return false;
    }
    int start = Integer.reverseBytes(new FileWindow(file, 0, Integer.BYTES).i32());
    for (int legacy : LEGACY) {
      if (start == legacy) {
        return true;
      }
    }
    return start == ZIP;
  }

  /**
   * Reads names, types and shapes. The file stays open for {@link #asSafetensors}.
   *
   * @throws InvalidCheckpointException if it is not a state dict, or has big-endian numbers
   */
  public static TorchFile read(SeekableByteChannel file) throws IOException {
    int start = Integer.reverseBytes(new FileWindow(file, 0, Integer.BYTES).i32());
    return start == ZIP ? zip(file) : legacy(file);
  }

  private static TorchFile zip(SeekableByteChannel file) throws IOException {
    StoredZip zip = StoredZip.read(file);
    // The archive's folder has the name that the file had when it was written.
    List<String> pickles =
        zip.names().stream().filter(name -> name.matches("[^/]*/" + PICKLE)).toList();
    if (pickles.size() != 1) {
      throw invalid("%d entries are named %s".formatted(pickles.size(), PICKLE));
    }
    String folder = pickles.get(0).substring(0, pickles.get(0).length() - PICKLE.length());
    if (zip.names().contains(folder + "constants.pkl")) {
      throw new InvalidCheckpointException("found a TorchScript program; wanted a state dict");
    }
    Optional<FilePart> order = zip.find(folder + "byteorder");
    if (order.isPresent()) {
      requireLittleEndian(text(file, order.get()).equals("little"));
    }
    FilePart pickle = zip.find(pickles.get(0)).orElseThrow();
    requireIntact(file, pickle);
    Object top = Unpickler.read(new FileWindow(file, pickle.start(), pickle.size()));
    return new TorchFile(file, storage -> zip.find(folder + "data/" + storage.key()), top);
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
    int size = (int) Math.min(part.size(), LONGEST_BYTE_ORDER);
    byte[] bytes = new FileWindow(file, part.start(), size).bytes(size);
    return new String(bytes, StandardCharsets.US_ASCII);
  }

  private static void requireLittleEndian(boolean little) throws InvalidCheckpointException {
    if (!little) {
      throw new InvalidCheckpointException("found big-endian numbers; wanted little-endian ones");
    }
  }

  /** Pickles of magic number, protocol, system, object and keys; then size and bytes by key. */
  private static TorchFile legacy(SeekableByteChannel file) throws IOException {
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
    return new TorchFile(file, storage -> Optional.ofNullable(parts.get(storage)), top);
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

  /**
   * The tensors of a network as the bytes of a safetensors file. They are read and converted as the
   * bytes are; closing the result closes the file.
   *
   * @param metadata of that file
   * @param layout its tensors. Constants are its own, so the file need not have them
   * @param ignored names of the state dict that do not matter
   * @throws InvalidCheckpointException if the state dict does not have exactly these tensors
   */
  public ReadableByteChannel asSafetensors(
      Map<String, String> metadata, Layout layout, Predicate<String> ignored) throws IOException {
    Map<String, TensorType> found = new LinkedHashMap<>(tensors());
    found.keySet().removeIf(ignored);
    layout
        .tensors()
        .forEach(
            (name, wanted) -> {
              if (wanted.constants() != null) {
                found.put(name, wanted.type());
              }
            });
    layout.require(found);
    for (String name : state.keySet()) {
      if (!found.containsKey(name) && !ignored.test(name)) {
        throw new InvalidCheckpointException("found %s, which is no tensor".formatted(shown(name)));
      }
    }
    List<TensorStream.Part> parts = new ArrayList<>();
    long elements = 0;
    for (Map.Entry<String, Layout.Tensor> wanted : layout.tensors().entrySet()) {
      String name = wanted.getKey();
      TensorStream.Part part =
          wanted.getValue().constants() != null
              ? TensorStream.constants(wanted.getValue().constants())
              : TensorStream.tensor(file, storages, name, (TorchTensor) state.get(name));
      parts.add(part);
      elements += wanted.getValue().elements();
      if (elements > file.size()) {
        // Tensors may share storages: without a limit a few bytes would become any number of them.
        throw new InvalidCheckpointException(
            "found tensors of more than %1$d numbers in a file of %1$d bytes"
                .formatted(file.size()));
      }
    }
    return new TensorStream(file, Safetensors.layOut(metadata, layout.types()).bytes(), parts);
  }
}
