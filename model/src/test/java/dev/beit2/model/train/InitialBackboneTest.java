package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.PthFile;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.official.OfficialFile;
import dev.beit2.model.recipe.FineTuningRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.RelativePosition;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** What fine-tuning takes of another model; see {@code pth/make_pth.py} for the files. */
class InitialBackboneTest {
  private static final String TABLE = "relative_position_bias_table";
  private static final String SHARED = "rel_pos_bias." + TABLE;
  private static final int GRID = 2;

  private static ReadableByteChannel file(String name) throws IOException {
    return OfficialFile.asSafetensors(PthFile.channel(PthFile.resource(name)));
  }

  private static InitialBackbone.Fitting<ClassifierConfig> fitting(
      int grid, int classes, boolean meanPooling) {
    return backbone ->
        new ClassifierConfig(
            backbone
                .withPositions(Positions.RELATIVE)
                .withInput(grid * backbone.patchSize(), backbone.patchSize(), 3),
            classes,
            meanPooling);
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

  private static Map<String, float[]> started(ClassifierConfig network, ReadableByteChannel from)
      throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    try (FineTuningTrainer trainer =
        FineTuningTrainer.start(
            network,
            FineTuningRecipe.TINY.optimizer(),
            0.75,
            new CosineSchedule(1e-3, 0, 0, 1, 10),
            1,
            Precision.FP32)) {
      trainer.initializeFrom(from);
      trainer.writeModel(Channels.newChannel(model));
    }
    try (Safetensors read = Safetensors.read(PthFile.channel(model.toByteArray()))) {
      return floats(read.tensors().tensors());
    }
  }

  /** Checks which tensors are the file's; the others are what they are without a file. */
  private static InitialBackbone<ClassifierConfig> assertTaken(
      String from, int classes, boolean meanPooling, String fresh) throws IOException {
    InitialBackbone<ClassifierConfig> initial =
        InitialBackbone.check(file(from), fitting(GRID, classes, meanPooling));
    try (Safetensors file = Safetensors.read(file(from));
        StateDict random = Classifier.initialize(initial.network(), 1)) {
      Map<String, float[]> given = floats(file.tensors().tensors());
      Map<String, float[]> untaken = floats(random.tensors());
      started(initial.network(), file(from))
          .forEach(
              (name, found) -> {
                String source = name.endsWith(TABLE) && given.containsKey(SHARED) ? SHARED : name;
                float[] wanted = name.matches(fresh) ? untaken.get(name) : given.get(source);
                assertArrayEquals(wanted, found, name);
              });
    }
    return initial;
  }

  @Test
  void aPretrainedModelGivesItsTransformerAndEachBlockItsPositions() throws IOException {
    InitialBackbone<ClassifierConfig> initial =
        assertTaken("pretrained", 5, true, "fc_norm.*|head.*");
    assertEquals(
        "takes 34 tensors (cls_token, patch_embed, blocks, rel_pos_bias); starts fresh: fc_norm,"
            + " head; does not use: mask_token, norm, lm_head, cls_pt_layers",
        initial.description());
  }

  @Test
  void theNormOfClsIsTaken() throws IOException {
    assertTaken("pretrained", 5, false, "head.*");
  }

  @Test
  void aClassifierGivesItsNormAndAHeadOfTheSameClasses() throws IOException {
    int classes = 5;
    try (Safetensors file = Safetensors.read(file("fine-tuned"))) {
      classes = (int) file.tensors().get("head.bias").getShape().get(0);
    }
    assertTaken("fine-tuned", classes, true, "none");
    assertTaken("fine-tuned", classes + 1, true, "head.*");
    assertTaken("fine-tuned", classes, false, "norm.*");
  }

  private static ReadableByteChannel classifier(int grid) throws IOException {
    ClassifierConfig network =
        new ClassifierConfig(
            new VitConfig(grid * 8, 8, 3, 8, 2, 2, 4, Positions.RELATIVE, 0.1, 0), 5, true);
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    try (FineTuningTrainer trainer =
            FineTuningTrainer.start(
                network,
                FineTuningRecipe.TINY.optimizer(),
                1,
                new CosineSchedule(1e-3, 0, 0, 1, 10),
                1,
                Precision.FP32);
        StateDict values = new StateDict()) {
      for (String name : tables()) {
        float[] table = new float[RelativePosition.rows(grid) * 2];
        for (int i = 0; i < table.length; i++) {
          table[i] = (float) Math.sin(i + name.hashCode());
        }
        values.put(name, values.manager().create(table, new Shape(table.length / 2, 2)));
      }
      trainer.parameters.assignAll(trainer.kernels, values);
      trainer.writeModel(Channels.newChannel(model));
    }
    return PthFile.channel(model.toByteArray());
  }

  private static String[] tables() {
    return new String[] {"blocks.0.attn." + TABLE, "blocks.1.attn." + TABLE};
  }

  @Test
  void positionsAreResizedForImagesOfAnotherSize() throws IOException {
    InitialBackbone<ClassifierConfig> initial =
        InitialBackbone.check(classifier(3), fitting(5, 5, true));
    Map<String, float[]> found = started(initial.network(), classifier(3));
    try (Safetensors file = Safetensors.read(classifier(3))) {
      for (String name : tables()) {
        float[] given = file.tensors().get(name).toFloatArray();
        assertArrayEquals(RelativePosition.resize(given, 2, 3, 5), found.get(name), name);
        assertTrue(found.get(name).length > given.length);
      }
    }
  }

  private static void assertRefused(String why, ReadableByteChannel from, int grid) {
    assertEquals(
        why,
        assertThrows(
                InvalidCheckpointException.class,
                () -> InitialBackbone.check(from, fitting(grid, 5, true)))
            .getMessage());
  }

  @Test
  void whatCannotBeFineTunedIsRefused() throws IOException {
    assertRefused(
        "found a model of kind vqkd; wanted a masked image model (mim) or a classifier (classifier)",
        file("tokenizer"),
        GRID);
    assertRefused(
        "found positions of 2 x 2 patches; wanted at least 3 x 3, so that they can be resized",
        file("pretrained"),
        4);
  }
}
