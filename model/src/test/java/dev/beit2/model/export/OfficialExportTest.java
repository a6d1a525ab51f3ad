package dev.beit2.model.export;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The state dict under official names, as PyTorch's and as a safetensors file. */
class OfficialExportTest {
  private static final List<String> BLOCK =
      List.of(
          "norm1.weight",
          "norm1.bias",
          "attn.q_bias",
          "attn.v_bias",
          "attn.qkv.weight",
          "attn.proj.weight",
          "attn.proj.bias",
          "norm2.weight",
          "norm2.bias",
          "mlp.fc1.weight",
          "mlp.fc1.bias",
          "mlp.fc2.weight",
          "mlp.fc2.bias");

  @TempDir Path folder;

  /** The names of the official pretraining files. */
  private static Set<String> pretrainingNames(int depth, int headLayers) {
    Set<String> names = new TreeSet<>(Set.of("cls_token", "mask_token"));
    addModules(names, "patch_embed.proj", "norm", "lm_head");
    names.add("rel_pos_bias.relative_position_bias_table");
    names.add("rel_pos_bias.relative_position_index");
    for (int i = 0; i < depth + headLayers; i++) {
      String block = i < depth ? "blocks." + i + "." : "cls_pt_layers." + (i - depth) + ".";
      BLOCK.forEach(name -> names.add(block + name));
      names.add(block + "gamma_1");
      names.add(block + "gamma_2");
    }
    return names;
  }

  /** The names of the official tokenizers' files that their loader wants. */
  private static Set<String> tokenizerNames(int encoderDepth, int decoderDepth) {
    Set<String> names = new TreeSet<>();
    for (String part : List.of("encoder.", "decoder.")) {
      names.add(part + "cls_token");
      names.add(part + "pos_embed");
      addModules(names, part + "patch_embed.proj", part + "fc_norm");
      for (int i = 0; i < (part.equals("encoder.") ? encoderDepth : decoderDepth); i++) {
        String block = part + "blocks." + i + ".";
        BLOCK.forEach(name -> names.add(block + name));
      }
    }
    addModules(
        names,
        "encode_task_layer.0",
        "encode_task_layer.2",
        "decode_task_layer.0",
        "decode_task_layer.2");
    names.add("quantize.cluster_size");
    for (String name : List.of("weight", "cluster_size", "embed_avg", "initted")) {
      names.add("quantize.embedding." + name);
    }
    return names;
  }

  private static void addModules(Set<String> names, String... modules) {
    for (String module : modules) {
      names.add(module + ".weight");
      names.add(module + ".bias");
    }
  }

  private static void assertNames(int count, Set<String> official, Layout ours) {
    assertEquals(count, official.size());
    assertEquals(official, new TreeSet<>(ours.tensors().keySet()));
  }

  @Test
  void theOfficialShapesHaveTheOfficialNames() {
    PretrainingRecipe base = PretrainingRecipe.BASE;
    assertNames(220, pretrainingNames(12, 2), MaskedImageModel.layout(base.network(8192)));
    PretrainingRecipe large = PretrainingRecipe.LARGE;
    assertNames(400, pretrainingNames(24, 2), MaskedImageModel.layout(large.network(8192)));
    VitConfig encoder = new VitConfig(224, 16, 3, 768, 12, 12, 4, Positions.ABSOLUTE, 0, 0);
    for (int depth : new int[] {1, 3}) {
      VitConfig decoder = encoder.withInput(14, 1, 32).withDepth(depth);
      VqKdConfig vqkd = new VqKdConfig(encoder, decoder, 8192, 32, 512, 0.99, 1, 0);
      assertNames(depth == 1 ? 194 : 220, tokenizerNames(12, depth), VqKd.layout(vqkd));
    }
  }

  @Test
  void aTorchFileHoldsTheStateDict() throws IOException {
    try (Golden golden = Golden.mim(folder)) {
      assertEquals(pretrainingNames(4, 2), assertTorchFile(golden, folder));
    }
    try (Golden golden = Golden.vqkd(folder)) {
      assertEquals(
          tokenizerNames(3, 1),
          assertTorchFile(golden, Files.createDirectory(folder.resolve("2"))));
    }
    try (Golden golden = Golden.classifier(folder)) {
      Set<String> names = assertTorchFile(golden, Files.createDirectory(folder.resolve("3")));
      assertEquals(golden.parameters().keySet(), names);
    }
  }

  /** Checks names, shapes and values, and returns the names. */
  private static Set<String> assertTorchFile(Golden golden, Path to) throws IOException {
    Export export = ExportFormat.OFFICIAL.export(golden.model(), 73);
    Path file = Golden.write(export, to).get("model.pth");
    Map<String, Object> found;
    try (ZipFile zip = new ZipFile(file.toFile())) {
      found = new Unpickler(bytes(zip, "data.pkl")).read();
      assertEquals(Set.of("model"), found.keySet());
      assertEquals("3\n", new String(bytes(zip, "version"), UTF_8));
      assertEquals("little", new String(bytes(zip, "byteorder"), UTF_8));
      Map<?, ?> tensors = (Map<?, ?>) found.get("model");
      for (Map.Entry<String, NDArray> wanted : golden.parameters().entrySet()) {
        Unpickler.Tensor tensor = (Unpickler.Tensor) tensors.get(wanted.getKey());
        assertTensor(wanted.getValue(), tensor, bytes(zip, "data/" + tensor.key()));
      }
      assertAligned(zip, Files.readAllBytes(file));
      Set<String> names = new TreeSet<>();
      tensors.keySet().forEach(name -> names.add((String) name));
      return names;
    }
  }

  private static byte[] bytes(ZipFile zip, String name) throws IOException {
    ZipEntry entry = zip.getEntry("archive/" + name);
    assertEquals(ZipEntry.STORED, entry.getMethod());
    return zip.getInputStream(entry).readAllBytes();
  }

  private static void assertTensor(NDArray wanted, Unpickler.Tensor tensor, byte[] bytes) {
    long[] shape = wanted.getShape().getShape();
    assertArrayEquals(shape, tensor.shape());
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      assertEquals(stride, tensor.strides()[i]);
      stride *= shape[i];
    }
    assertEquals(stride, tensor.numbers());
    ByteBuffer values = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (wanted.getDataType() == DataType.INT64) {
      assertEquals("LongStorage", tensor.storage());
      long[] found = new long[bytes.length / Long.BYTES];
      values.asLongBuffer().get(found);
      assertArrayEquals(wanted.toLongArray(), found);
    } else {
      assertEquals("FloatStorage", tensor.storage());
      float[] found = new float[bytes.length / Float.BYTES];
      values.asFloatBuffer().get(found);
      assertArrayEquals(wanted.toFloatArray(), found);
    }
  }

  /** PyTorch maps storages that begin at multiples of 64 bytes. */
  private static void assertAligned(ZipFile zip, byte[] file) {
    ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    int at = 0;
    for (int i = 0; i < zip.size(); i++) {
      assertEquals(0x04034b50, bytes.getInt(at));
      int content = at + 30 + bytes.getShort(at + 26) + bytes.getShort(at + 28);
      assertEquals(0, content % 64, i + "th file");
      at = content + bytes.getInt(at + 18);
    }
  }

  /** Reads what the few opcodes of such a file say: an implementation of its own. */
  private static final class Unpickler {
    record Tensor(String storage, String key, long numbers, long[] shape, long[] strides) {}

    private record Global(String name) {}

    private record Storage(String type, String key, long numbers) {}

    private static final Object MARK = new Object();

    private final ByteBuffer in;
    private final List<Object> stack = new ArrayList<>();

    Unpickler(byte[] pickle) {
      in = ByteBuffer.wrap(pickle).order(ByteOrder.LITTLE_ENDIAN);
    }

    @SuppressWarnings("unchecked") // the top level is a dict of names
    Map<String, Object> read() {
      assertEquals((byte) 0x80, in.get());
      assertEquals(2, in.get());
      while (true) {
        int code = in.get() & 0xFF;
        switch (code) {
          case '}' -> stack.add(new LinkedHashMap<String, Object>());
          case '(' -> stack.add(MARK);
          case ')' -> stack.add(List.of());
          case 'X' -> stack.add(text(in.getInt()));
          case 'J' -> stack.add((long) in.getInt());
          case 0x89 -> stack.add(false);
          case 'c' -> stack.add(new Global(line() + "." + line()));
          case 't' -> stack.add(sinceMark());
          case 'Q' -> stack.add(storage((List<?>) pop()));
          case 'R' -> stack.add(call((List<?>) pop(), ((Global) pop()).name()));
          case 'u' -> putAll(sinceMark());
          case '.' -> {
            assertEquals(0, in.remaining());
            assertEquals(1, stack.size());
            return (Map<String, Object>) pop();
          }
          default -> throw new AssertionError("opcode " + code + " at " + in.position());
        }
      }
    }

    private Object pop() {
      return stack.remove(stack.size() - 1);
    }

    private List<Object> sinceMark() {
      int mark = stack.lastIndexOf(MARK);
      List<Object> items = new ArrayList<>(stack.subList(mark + 1, stack.size()));
      stack.subList(mark, stack.size()).clear();
      return items;
    }

    @SuppressWarnings("unchecked") // what is below the mark is a dict
    private void putAll(List<Object> items) {
      Map<String, Object> dict = (Map<String, Object>) stack.get(stack.size() - 1);
      for (int i = 0; i < items.size(); i += 2) {
        assertTrue(dict.put((String) items.get(i), items.get(i + 1)) == null, "twice");
      }
    }

    private static Storage storage(List<?> id) {
      assertEquals("storage", id.get(0));
      assertEquals("cpu", id.get(3));
      assertEquals(5, id.size());
      String type = ((Global) id.get(1)).name();
      assertTrue(type.startsWith("torch."), type);
      return new Storage(type.substring(6), (String) id.get(2), (Long) id.get(4));
    }

    private static Object call(List<?> arguments, String function) {
      if (function.equals("collections.OrderedDict")) {
        assertEquals(List.of(), arguments);
        return new LinkedHashMap<String, Object>();
      }
      assertEquals("torch._utils._rebuild_tensor_v2", function);
      assertEquals(6, arguments.size());
      assertEquals(0L, arguments.get(1));
      assertEquals(false, arguments.get(4));
      assertEquals(Map.of(), arguments.get(5));
      Storage storage = (Storage) arguments.get(0);
      return new Tensor(
          storage.type(),
          storage.key(),
          storage.numbers(),
          longs(arguments.get(2)),
          longs(arguments.get(3)));
    }

    private static long[] longs(Object tuple) {
      return ((List<?>) tuple).stream().mapToLong(number -> (Long) number).toArray();
    }

    private String text(int length) {
      byte[] bytes = new byte[length];
      in.get(bytes);
      return new String(bytes, UTF_8);
    }

    private String line() {
      int start = in.position();
      int length = 0;
      while (in.get() != '\n') {
        length++;
      }
      in.position(start);
      String line = text(length);
      in.get();
      return line;
    }
  }

  /** An exported file is a checkpoint of the same network: exporting it again changes nothing. */
  @Test
  void aSafetensorsFileIsExportedAsItself() throws IOException {
    try (Golden golden = Golden.mim(folder)) {
      Path to = Files.createDirectory(folder.resolve("first"));
      Path file =
          Golden.write(ExportFormat.SAFETENSORS.export(golden.model(), 73), to)
              .get("model.safetensors");
      try (Safetensors read = Golden.read(file);
          FileChannel channel = FileChannel.open(file)) {
        Map<String, String> metadata = new TreeMap<>(golden.model().metadata());
        metadata.put("format", "pt");
        assertEquals(metadata, read.metadata());
        for (Map.Entry<String, NDArray> tensor : golden.parameters().entrySet()) {
          assertEquals(tensor.getValue(), read.tensors().get(tensor.getKey()), tensor.getKey());
        }
        SourceModel again = SourceModel.open(channel);
        assertEquals(golden.model().config(), again.config());
        Path second = Files.createDirectory(folder.resolve("second"));
        Path copy =
            Golden.write(ExportFormat.SAFETENSORS.export(again, 73), second)
                .get("model.safetensors");
        assertEquals(-1, Files.mismatch(file, copy));
      }
    }
  }
}
