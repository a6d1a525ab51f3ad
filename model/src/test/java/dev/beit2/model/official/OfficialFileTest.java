package dev.beit2.model.official;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.PthFile;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Files as the official scripts write them; see {@code pth/make_pth.py}. */
class OfficialFileTest {
  private static final VitConfig ENCODER =
      new VitConfig(16, 8, 3, 8, 2, 1, 4, Positions.ABSOLUTE, 0, 0);
  private static final VqKdConfig TOKENIZER =
      new VqKdConfig(ENCODER, ENCODER.withInput(2, 1, 4).withDepth(1), 6, 4, 5, 0.99, 1, 0);
  private static final VitConfig BACKBONE =
      new VitConfig(16, 8, 3, 8, 2, 2, 4, Positions.SHARED_RELATIVE, 0.1, 0);
  private static final MimConfig PRETRAINED = new MimConfig(BACKBONE, 6, 1, 1, true);
  private static final ClassifierConfig FINE_TUNED =
      new ClassifierConfig(
          new VitConfig(16, 8, 3, 8, 2, 2, 4, Positions.RELATIVE, 0.1, 0), 3, true);

  /** The safetensors file that a .pth becomes. */
  private static byte[] converted(byte[] pth) throws IOException {
    return PthFile.all(OfficialFile.asSafetensors(PthFile.channel(pth)));
  }

  private static byte[] converted(String name) throws IOException {
    return converted(PthFile.resource(name));
  }

  private static void assertNumbers(Map<String, NDArray> tensors) {
    tensors.forEach(
        (name, tensor) -> {
          if (tensor.getDataType() == DataType.FLOAT32) {
            CRC32 hash = new CRC32();
            hash.update(name.getBytes(UTF_8));
            float[] wanted = new float[(int) tensor.size()];
            for (int i = 0; i < wanted.length; i++) {
              wanted[i] = ((hash.getValue() + 37L * i) % 251 - 125) / 256f;
            }
            assertArrayEquals(wanted, tensor.toFloatArray(), name);
          }
        });
  }

  @ParameterizedTest
  @ValueSource(strings = {"tokenizer", "tokenizer-legacy"})
  void tokenizersWithTheirTeacherAndOptimizer(String name) throws IOException {
    byte[] file = converted(name);
    TokenizerDescription tokenizer = TokenizerDescription.read(PthFile.channel(file));
    assertEquals(TOKENIZER, tokenizer.config());
    try (Safetensors read =
        Safetensors.read(PthFile.channel(file), metadata -> VqKd.layout(TOKENIZER))) {
      assertNumbers(read.tensors().tensors());
    }
    assertArrayEquals(converted("tokenizer"), file);
    try (Tokenizer loaded = Tokenizer.read(PthFile.channel(file), Precision.FP32)) {
      assertEquals(tokenizer.digest(), loaded.digest());
    }
  }

  /** Zip and legacy; float32, float16 and bfloat16; model, module, state_dict and bare. */
  @ParameterizedTest
  @ValueSource(
      strings = {"pretrained", "pretrained-fp16", "pretrained-bf16-legacy", "pretrained-views"})
  void pretrainedModelsInAnyContainerAndType(String name) throws IOException {
    byte[] file = converted(name);
    try (Safetensors read =
        Safetensors.read(PthFile.channel(file), metadata -> MaskedImageModel.layout(PRETRAINED))) {
      assertEquals(ModelMetadata.of("mim", PRETRAINED).toMap(), new TreeMap<>(read.metadata()));
      assertNumbers(read.tensors().tensors());
    }
    assertArrayEquals(converted("pretrained"), file);
  }

  @Test
  void fineTunedModels() throws IOException {
    try (Safetensors read =
        Safetensors.read(
            PthFile.channel(converted("fine-tuned")), metadata -> Classifier.layout(FINE_TUNED))) {
      assertEquals(
          ModelMetadata.of("classifier", FINE_TUNED).toMap(), new TreeMap<>(read.metadata()));
      assertNumbers(read.tensors().tensors());
    }
  }

  @Test
  void aFileOfThisProjectStaysAsItIs() throws IOException {
    byte[] file = converted("pretrained");
    assertArrayEquals(file, converted(file));
  }

  private static void assertRefused(String wanted, byte[] pth) {
    String message =
        assertThrows(InvalidCheckpointException.class, () -> converted(pth)).getMessage();
    assertTrue(message.contains(wanted), message);
  }

  /** A state dict of nothing but shapes, on one storage. */
  private static byte[] shapes(Map<String, List<Long>> shapes) {
    PthFile.Pickle pickle = new PthFile.Pickle().dict();
    shapes.forEach((name, shape) -> pickle.text(name).tensor("FloatStorage", shape).setItem());
    return PthFile.zip(pickle.end(), Map.of("data/0", new byte[4 * PthFile.STORED]));
  }

  @Test
  void theFirstTensorThatIsWrongIsNamed() throws IOException {
    Map<String, List<Long>> shapes = new TreeMap<>();
    Safetensors.header(PthFile.channel(converted("pretrained")))
        .tensors()
        .forEach((name, entry) -> shapes.put(name, entry.shape()));
    shapes.remove("rel_pos_bias.relative_position_index");
    assertEquals(
        converted("pretrained").length, converted(shapes(shapes)).length, "the sound file");

    Map<String, List<Long>> missing = new TreeMap<>(shapes);
    missing.remove("blocks.1.attn.q_bias");
    assertRefused("found no tensor blocks.1.attn.q_bias", shapes(missing));

    Map<String, List<Long>> misshapen = new TreeMap<>(shapes);
    misshapen.put("norm.bias", List.of(9L));
    assertRefused("found norm.bias F32 of [9]; wanted F32 of [8]", shapes(misshapen));

    Map<String, List<Long>> surplus = new TreeMap<>(shapes);
    surplus.put("blocks.3.norm1.weight", List.of(8L));
    assertRefused("found a tensor blocks.3.norm1.weight", shapes(surplus));

    Map<String, List<Long>> oblong = new TreeMap<>(shapes);
    oblong.put("rel_pos_bias.relative_position_bias_table", List.of(13L, 2L));
    assertRefused("wanted one of a square", shapes(oblong));

    Map<String, List<Long>> heads = new TreeMap<>(shapes);
    heads.put("rel_pos_bias.relative_position_bias_table", List.of(12L, 3L));
    assertRefused("width 8 in 3 heads", shapes(heads));

    assertRefused(
        "found no tensor quantize.embedding.weight of a tokenizer, lm_head.weight of a masked",
        shapes(Map.of("backbone.cls_token", List.of(1L, 1L, 8L))));
  }

  @Test
  void somethingThatIsNoTensorIsNamed() {
    byte[] pickle = new PthFile.Pickle().dict().text("head.weight").text("nothing").setItem().end();
    assertRefused("found no tensor", PthFile.zip(pickle, Map.of()));
  }

  /** A tokenizer's reader sees a safetensors file, so it tells which kind it has found. */
  @Test
  void aPretrainedModelIsNoTokenizer() throws IOException {
    byte[] file = converted("pretrained");
    String message =
        assertThrows(
                InvalidCheckpointException.class,
                () ->
                    TokenizerDescription.read(Channels.newChannel(new ByteArrayInputStream(file))))
            .getMessage();
    assertEquals("found a model of kind mim; wanted a tokenizer (vqkd)", message);
  }
}
