package dev.beit2.model.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/**
 * Thousands of changes to sound files: each is refused in one line, or gives what the sound file
 * gives. Two things are out of a reader's reach, because the format has no checksum: another finite
 * weight, and another number of the config on which no shape depends.
 */
class CheckpointMutationTest {
  private static final VitConfig ENCODER =
      new VitConfig(32, 16, 3, 12, 1, 3, 4, Positions.ABSOLUTE, 0, 0);
  private static final VqKdConfig VQKD =
      new VqKdConfig(ENCODER, ENCODER.withInput(2, 1, 4), 8, 4, 6, 0.9, 1, 5);
  private static final MimConfig MIM =
      new MimConfig(
          new VitConfig(32, 16, 3, 12, 2, 3, 4, Positions.SHARED_RELATIVE, 0.1, 0), 8, 1, 1, false);

  /** What is in a file: its header as text, and the tensors behind it. */
  private record File(String header, byte[] tensors) {
    static File of(byte[] bytes) {
      int length = (int) ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getLong();
      return new File(
          new String(bytes, 8, length, UTF_8), Arrays.copyOfRange(bytes, 8 + length, bytes.length));
    }

    byte[] bytes() {
      byte[] text = header.getBytes(UTF_8);
      return ByteBuffer.allocate(8 + text.length + tensors.length)
          .order(ByteOrder.LITTLE_ENDIAN)
          .putLong(text.length)
          .put(text)
          .put(tensors)
          .array();
    }
  }

  private static final List<String> VALUES =
      List.of(
          "0",
          "-1",
          "1",
          "2",
          "7",
          "0.5",
          "1e400",
          "null",
          "true",
          "\"\"",
          "\"x\\u001b[2J\"",
          "[]",
          "{}",
          "[0]",
          "[0,0]",
          "2147483648",
          "4611686018427387904",
          "99999999999999999999",
          "\"NaN\"",
          "NaN",
          "[[[[[[[[[[[[1]]]]]]]]]]]]",
          "\"F16\"",
          "\"RELATIVE\"");

  /** One random change. */
  private static byte[] mutate(byte[] sound, SplittableRandom random) {
    File file = File.of(sound);
    String header = file.header();
    switch (random.nextInt(9)) {
      case 0: // a byte of the file's start
        byte[] flipped = sound.clone();
        flipped[random.nextInt(8 + header.length())] ^= (byte) (1 << random.nextInt(8));
        return flipped;
      case 1:
        return Arrays.copyOf(sound, random.nextInt(sound.length));
      case 2:
        return Arrays.copyOf(sound, sound.length + 1 + random.nextInt(1000));
      case 3: // a value that is no number
        byte[] tensors = file.tensors().clone();
        ByteBuffer.wrap(tensors)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(4 * random.nextInt(tensors.length / 4), 0x7f800000 + random.nextInt(2));
        return new File(header, tensors).bytes();
      case 4: // another value somewhere in the header, also inside the config
        return replaced(file, random, "(?<=:)(\\[[^\\]]*\\]|\\\\?\"[^\"]*\"|[^,}\"]+)");
      case 5: // another number somewhere
        return replaced(file, random, "(?<=[:,\\[])\\d+(\\.\\d+)?");
      case 6: // a name twice, or missing, or another one
        return replaced(file, random, "\"[^\"\\\\]*\"(?=:)");
      case 7: // a tensor twice, or missing, without changing the others
        return replaced(file, random, "\"[^\"\\\\]*\":\\{[^{}]*\\},");
      default: // zeros, as of a disk that lost power
        byte[] zeros = file.tensors().clone();
        Arrays.fill(zeros, random.nextInt(zeros.length / 2), zeros.length, (byte) 0);
        return new File(header, zeros).bytes();
    }
  }

  private static byte[] replaced(File file, SplittableRandom random, String pattern) {
    List<String> found =
        Pattern.compile(pattern)
            .matcher(file.header())
            .results()
            .map(match -> match.start() + " " + match.end())
            .toList();
    String[] place = found.get(random.nextInt(found.size())).split(" ");
    int from = Integer.parseInt(place[0]);
    int to = Integer.parseInt(place[1]);
    String old = file.header().substring(from, to);
    List<UnaryOperator<String>> ways =
        List.of(
            text -> "",
            text -> text + text,
            text -> text + "," + text,
            text -> VALUES.get(random.nextInt(VALUES.size())),
            text -> VALUES.get(random.nextInt(VALUES.size())).replace("\"", "\\\""));
    String changed = ways.get(random.nextInt(ways.size())).apply(old);
    return new File(
            file.header().substring(0, from) + changed + file.header().substring(to),
            file.tensors())
        .bytes();
  }

  private static ReadableByteChannel channel(byte[] bytes) {
    return Channels.newChannel(new ByteArrayInputStream(bytes));
  }

  private interface Reading {
    void of(byte[] changed) throws IOException;
  }

  /** Returns how many changed files were read. */
  private static int mutateAll(byte[] sound, int count, long seed, Reading reading)
      throws IOException {
    SplittableRandom random = new SplittableRandom(seed);
    int read = 0;
    for (int i = 0; i < count; i++) {
      byte[] changed = mutate(sound, random);
      try {
        reading.of(changed);
        read++;
      } catch (InvalidCheckpointException e) {
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().length() < 2000, e.getMessage());
      } catch (RuntimeException | AssertionError | StackOverflowError | OutOfMemoryError e) {
        throw new AssertionError("change " + i + ": " + File.of(sound).header(), e);
      }
    }
    return read;
  }

  private static byte[] tokenizer() throws IOException {
    try (StateDict state = VqKd.initialize(VQKD, 1)) {
      return file(ModelMetadata.of("vqkd", VQKD), state);
    }
  }

  private static byte[] model() throws IOException {
    try (StateDict state = MaskedImageModel.initialize(MIM, 1)) {
      return file(ModelMetadata.of("mim", MIM), state);
    }
  }

  private static byte[] file(ModelMetadata metadata, StateDict state) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    Safetensors.write(Channels.newChannel(bytes), metadata.toMap(), state.tensors());
    return bytes.toByteArray();
  }

  /** The config, with the numbers that no shape depends on as they are in the sound file. */
  private static VqKdConfig shape(VqKdConfig config) {
    return new VqKdConfig(
        shape(config.encoder(), VQKD.encoder()),
        shape(config.decoder(), VQKD.decoder()),
        config.codebookSize(),
        config.codeDimension(),
        config.teacherDimension(),
        VQKD.decay(),
        VQKD.beta(),
        VQKD.reviveDeadCodesAfter());
  }

  private static VitConfig shape(VitConfig config, VitConfig sound) {
    assertEquals(sound.mlpDim(), config.mlpDim());
    return new VitConfig(
        config.imageSize(),
        config.patchSize(),
        config.channels(),
        config.dim(),
        config.depth(),
        sound.heads(),
        sound.mlpRatio(),
        config.positions(),
        config.layerScale() == 0 ? 0 : sound.layerScale(),
        sound.dropPath());
  }

  @Test
  void tokenizers() throws IOException {
    byte[] sound = tokenizer();
    VqKdConfig config = TokenizerDescription.read(channel(sound)).config();
    assertEquals(VQKD, config);
    Map<String, byte[]> tensors = tensors(sound, VqKd.layout(VQKD));
    int read =
        mutateAll(
            sound,
            6000,
            1,
            changed -> {
              VqKdConfig other = TokenizerDescription.read(channel(changed)).config();
              assertEquals(VQKD, shape(other));
              if (Arrays.equals(File.of(sound).tensors(), File.of(changed).tensors())) {
                assertSame(tensors, tensors(changed, VqKd.layout(other)));
              }
            });
    assertTrue(read < 600, () -> read + " were read");
  }

  @Test
  void modelsInTraining() throws IOException {
    byte[] sound = model();
    Map<String, byte[]> tensors = tensors(sound, MaskedImageModel.layout(MIM));
    try (MimTrainer trainer = trainer()) {
      trainer.restoreModel(channel(sound));
      mutateAll(
          sound,
          1500,
          2,
          changed -> {
            trainer.restoreModel(channel(changed));
            ByteArrayOutputStream restored = new ByteArrayOutputStream();
            trainer.writeModel(Channels.newChannel(restored));
            if (Arrays.equals(File.of(sound).tensors(), File.of(changed).tensors())) {
              assertSame(tensors, tensors(restored.toByteArray(), MaskedImageModel.layout(MIM)));
            }
          });
    }
  }

  @Test
  void optimizers() throws IOException {
    ByteArrayOutputStream written = new ByteArrayOutputStream();
    try (MimTrainer trainer = trainer()) {
      trainer.writeOptimizer(Channels.newChannel(written));
      byte[] sound = written.toByteArray();
      mutateAll(
          sound,
          1500,
          3,
          changed -> {
            trainer.restoreOptimizer(channel(changed));
            ByteArrayOutputStream restored = new ByteArrayOutputStream();
            trainer.writeOptimizer(Channels.newChannel(restored));
            // The step is compared with the checkpoint's by the caller.
            assertArrayEquals(File.of(sound).tensors(), File.of(restored.toByteArray()).tensors());
          });
    }
  }

  private static MimTrainer trainer() {
    return MimTrainer.start(
        MIM,
        PretrainingRecipe.TINY.optimizer(),
        new CosineSchedule(1e-3, 0, 0, 1, 10),
        1,
        Precision.FP32);
  }

  private static Map<String, byte[]> tensors(byte[] file, Layout layout) throws IOException {
    Map<String, byte[]> tensors = new TreeMap<>();
    try (Safetensors read = Safetensors.read(channel(file), metadata -> layout)) {
      for (Map.Entry<String, NDArray> tensor : read.tensors().tensors().entrySet()) {
        tensors.put(tensor.getKey(), tensor.getValue().toByteArray());
      }
    }
    return tensors;
  }

  private static void assertSame(Map<String, byte[]> wanted, Map<String, byte[]> found) {
    assertEquals(wanted.keySet(), found.keySet());
    wanted.forEach((name, values) -> assertArrayEquals(values, found.get(name), name));
  }

  @Test
  void whatIsWrongIsNamed() throws IOException {
    byte[] sound = tokenizer();
    File file = File.of(sound);
    String last = "\"decode_task_layer.2.bias\"";
    assertRefused("no tensor decode_task_layer.2.bias", file, last, "\"other\"");
    assertRefused(
        "Duplicate field 'quantize.cluster_size'", file, last, "\"quantize.cluster_size\"");
    assertRefused("codebookSize is 0, not in [1, 16777216]", file, "Size\\\":8", "Size\\\":0");
    assertRefused(
        "found quantize.cluster_size F32 of [8]; wanted F32 of [7]",
        file,
        "Size\\\":8",
        "Size\\\":7");
    assertRefused("dim is 0", file, "dim\\\":12", "dim\\\":0");
    assertRefused("NOWHERE", file, "ABSOLUTE", "NOWHERE");
    byte[] longer = Arrays.copyOf(sound, sound.length + 1);
    assertEquals(
        "the file goes on after its last tensor",
        assertThrows(IOException.class, () -> TokenizerDescription.read(channel(longer)))
            .getMessage());
    byte[] zeros = sound.clone();
    Arrays.fill(zeros, sound.length - file.tensors().length, sound.length, (byte) 0);
    assertEquals(
        "found nothing but zeros in encoder.cls_token; wanted trained values",
        assertThrows(IOException.class, () -> TokenizerDescription.read(channel(zeros)))
            .getMessage());
    byte[] nan = sound.clone();
    Arrays.fill(nan, sound.length - 4, sound.length, (byte) 0xff);
    assertEquals(
        "found NaN at 5 in decode_task_layer.2.bias; wanted a number",
        assertThrows(IOException.class, () -> TokenizerDescription.read(channel(nan)))
            .getMessage());
  }

  private static void assertRefused(String why, File sound, String text, String other) {
    assertTrue(sound.header().contains(text), sound.header());
    byte[] changed = new File(sound.header().replace(text, other), sound.tensors()).bytes();
    String message =
        assertThrows(
                InvalidCheckpointException.class, () -> TokenizerDescription.read(channel(changed)))
            .getMessage();
    assertTrue(message.contains(why), message);
  }
}
