package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDArray;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.PthFile;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.official.OfficialFile;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What pretraining takes of another model; see {@code pth/make_pth.py} for the files. */
class InitialValuesTest {
  private static final VitConfig BACKBONE =
      new VitConfig(16, 8, 3, 8, 2, 2, 4, Positions.SHARED_RELATIVE, 0.1, 0);
  private static final MimConfig SAME = new MimConfig(BACKBONE, 6, 1, 1, true);
  private static final MimConfig OTHER_HEADS = new MimConfig(BACKBONE, 7, 1, 2, true);

  private static ReadableByteChannel file(String name) throws IOException {
    return OfficialFile.asSafetensors(PthFile.channel(PthFile.resource(name)));
  }

  private static Map<String, float[]> floats(Map<String, NDArray> tensors) {
    Map<String, float[]> floats = new TreeMap<>();
    tensors.forEach(
        (name, tensor) -> {
          if (!name.endsWith("_index")) {
            floats.put(name, tensor.toFloatArray());
          }
        });
    return floats;
  }

  private static Map<String, float[]> started(MimConfig config, String from) throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    try (MimTrainer trainer =
        MimTrainer.start(
            config,
            PretrainingRecipe.TINY.optimizer(),
            new CosineSchedule(1e-3, 0, 0, 1, 10),
            1,
            Precision.FP32)) {
      trainer.initializeFrom(file(from));
      trainer.writeModel(Channels.newChannel(model));
    }
    try (Safetensors read = Safetensors.read(PthFile.channel(model.toByteArray()))) {
      return floats(read.tensors().tensors());
    }
  }

  /** Checks which tensors are the file's; the others are what they are without a file. */
  private static void assertTaken(MimConfig config, String from, String fresh) throws IOException {
    try (Safetensors file = Safetensors.read(file(from));
        StateDict initial = MaskedImageModel.initialize(config, 1)) {
      Map<String, float[]> given = floats(file.tensors().tensors());
      Map<String, float[]> random = floats(initial.tensors());
      started(config, from)
          .forEach(
              (name, found) ->
                  assertArrayEquals((name.matches(fresh) ? random : given).get(name), found, name));
    }
  }

  private static String description(MimConfig config, String from) throws IOException {
    return InitialValues.check(config, file(from)).description();
  }

  @Test
  void aModelOfTheSameShapeGivesAll() throws IOException {
    assertTaken(SAME, "pretrained", "none");
    assertEquals(
        "takes 55 tensors (mask_token, cls_token, patch_embed, rel_pos_bias, blocks, norm, lm_head,"
            + " cls_pt_layers)",
        description(SAME, "pretrained"));
  }

  @Test
  void headsOfOtherShapesStartFresh() throws IOException {
    assertTaken(OTHER_HEADS, "pretrained", "lm_head.*|cls_pt_layers\\.1.*");
    assertEquals(
        "takes 53 tensors (mask_token, cls_token, patch_embed, rel_pos_bias, blocks, norm,"
            + " cls_pt_layers); starts fresh: lm_head, cls_pt_layers; does not use: lm_head",
        description(OTHER_HEADS, "pretrained"));
  }

  @Test
  void aClassifierGivesItsBlocks() throws IOException {
    assertTaken(
        SAME, "fine-tuned", "mask_token|rel_pos_bias.*|norm\\..*|lm_head.*|cls_pt_layers.*");
    assertEquals(
        "takes 33 tensors (cls_token, patch_embed, blocks); starts fresh: mask_token, rel_pos_bias,"
            + " norm, lm_head, cls_pt_layers; does not use: blocks.*.attn.relative_position,"
            + " fc_norm, head",
        description(SAME, "fine-tuned"));
  }

  private static void assertRefused(String why, MimConfig config, String from) {
    assertEquals(
        why,
        assertThrows(InvalidCheckpointException.class, () -> description(config, from))
            .getMessage());
  }

  @Test
  void anotherBackboneIsRefused() {
    MimConfig wider =
        new MimConfig(
            new VitConfig(16, 8, 3, 16, 2, 2, 4, Positions.SHARED_RELATIVE, 0.1, 0), 6, 1, 1, true);
    assertRefused(
        "found mask_token F32 of [1, 1, 8]; wanted F32 of [1, 1, 16]", wider, "pretrained");
    assertRefused(
        "found no tensor blocks.2.gamma_1",
        new MimConfig(BACKBONE.withDepth(3), 6, 1, 1, true),
        "pretrained");
    assertRefused(
        "found a tensor blocks.1.gamma_1, which the network does not have",
        new MimConfig(BACKBONE.withDepth(1), 6, 1, 1, true),
        "fine-tuned");
    assertRefused(
        "found rel_pos_bias.relative_position_bias_table F32 of [12, 2]; wanted F32 of [28, 2]",
        new MimConfig(BACKBONE.withInput(24, 8, 3), 6, 1, 1, true),
        "pretrained");
    assertRefused(
        "found a model of kind vqkd; wanted a masked image model (mim) or a classifier (classifier)",
        SAME,
        "tokenizer");
  }
}
