package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.TestImages;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.CodebookUpdate;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class VqKdTrainerTest {
  private static final int BATCH = 16;
  private static final int SIDE = 64;
  private static final int CODES = 128;

  private static VqKdConfig config(int reviveDeadCodesAfter) {
    VitConfig encoder = new VitConfig(SIDE, 16, 3, 48, 2, 3, 4, Positions.ABSOLUTE, 0, 0);
    VitConfig decoder = encoder.withInput(4, 1, 16).withDepth(1);
    return new VqKdConfig(encoder, decoder, CODES, 16, 108, 0.99, 1, reviveDeadCodesAfter);
  }

  private static VqKdTrainer trainer(int reviveDeadCodesAfter) {
    return trainer(reviveDeadCodesAfter, Precision.FP32, false);
  }

  private static VqKdTrainer trainer(
      int reviveDeadCodesAfter, Precision precision, boolean activationCheckpointing) {
    return trainer(CodebookUpdate.EMA, reviveDeadCodesAfter, precision, activationCheckpointing);
  }

  private static VqKdTrainer trainer(
      CodebookUpdate update,
      int reviveDeadCodesAfter,
      Precision precision,
      boolean activationCheckpointing) {
    return VqKdTrainer.start(
        config(reviveDeadCodesAfter),
        update,
        Teacher.hog(Kernels.of(Precision.FP32), 16),
        TokenizerRecipe.TINY.optimizer(),
        new CosineSchedule(1e-3, 1e-6, 1e-5, 10, 80),
        7,
        precision,
        activationCheckpointing);
  }

  private static List<Map<String, Double>> train(VqKdTrainer trainer, int steps) {
    List<Map<String, Double>> metrics = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      metrics.add(trainer.step(TestImages.gratings(BATCH, SIDE, 16, trainer.step()), BATCH));
    }
    return metrics;
  }

  @Test
  void codebookCollapsesWithoutRevivalAndNotWithIt() {
    try (VqKdTrainer without = trainer(0);
        VqKdTrainer with = trainer(10)) {
      Map<String, Double> collapsed = train(without, 80).get(79);
      List<Map<String, Double>> revived = train(with, 80);
      assertTrue(collapsed.get("perplexity") < 0.1 * CODES, collapsed::toString);
      assertTrue(revived.get(79).get("perplexity") > 0.35 * CODES, revived.get(79)::toString);
      assertTrue(revived.stream().mapToDouble(m -> m.get("revived_codes")).sum() > 0);
      // The loss falls in both, so it does not show the collapse.
      assertTrue(revived.get(79).get("loss") < 0.8 * revived.get(0).get("loss"));
      assertEquals(collapsed.get("loss"), revived.get(79).get("loss"), 0.1);
    }
  }

  @Test
  void aBlackImageKeepsTheLossFinite() {
    try (VqKdTrainer trainer = trainer(10)) {
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, 16, 1);
      images.asFloatBuffer().put(0, new float[3 * SIDE * SIDE]);
      trainer.step(images, BATCH);
      double loss = trainer.step(images, BATCH).get("loss");
      assertTrue(loss > 0 && loss < 2, () -> "loss " + loss);
    }
  }

  @Test
  void restoredTrainerContinuesBitForBit() throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    ByteArrayOutputStream moments = new ByteArrayOutputStream();
    try (VqKdTrainer uninterrupted = trainer(3);
        VqKdTrainer restored = trainer(3)) {
      train(uninterrupted, 6);
      uninterrupted.writeModel(Channels.newChannel(model));
      uninterrupted.writeOptimizer(Channels.newChannel(moments));
      List<Map<String, Double>> wanted = train(uninterrupted, 5);

      restored.restoreModel(channel(model));
      assertEquals(0, restored.step());
      restored.restoreOptimizer(channel(moments));
      assertEquals(6, restored.step());
      assertEquals(wanted, train(restored, 5));
      assertArrayEquals(bytes(uninterrupted), bytes(restored));
    }
  }

  @Test
  void refusesACheckpointOfAnotherShape() throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    try (VqKdTrainer one = trainer(3);
        VqKdTrainer other = trainer(4)) {
      one.writeModel(Channels.newChannel(model));
      InvalidCheckpointException refusal =
          assertThrows(InvalidCheckpointException.class, () -> other.restoreModel(channel(model)));
      assertTrue(refusal.getMessage().contains("\"reviveDeadCodesAfter\":3"), refusal.getMessage());
      assertTrue(refusal.getMessage().contains("\"reviveDeadCodesAfter\":4"), refusal.getMessage());
      // The model's file instead of the optimizer's.
      assertThrows(InvalidCheckpointException.class, () -> one.restoreOptimizer(channel(model)));
    }
  }

  @Test
  void initializeDoesWhatTheFirstStepWouldDo() throws IOException {
    try (VqKdTrainer plain = trainer(3);
        VqKdTrainer initialized = trainer(3)) {
      initialized.initialize(TestImages.gratings(BATCH, SIDE, 16, 0), BATCH);
      assertEquals(0, initialized.step());
      assertTrue(initialized.values("quantize.embedding.weight").get(0) != 0);
      // A second call changes nothing.
      initialized.initialize(TestImages.gratings(BATCH, SIDE, 16, 99), BATCH);
      assertEquals(train(plain, 3), train(initialized, 3));
      assertArrayEquals(bytes(plain), bytes(initialized));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 4, 7})
  void microBatchesAddUpToTheBatch(int microBatch) {
    // No revival: it draws vectors by their distances, and rounding may change which one it draws.
    try (VqKdTrainer whole = trainer(0);
        VqKdTrainer accumulating = trainer(0)) {
      // Otherwise the first step would initialize the codebook with its first micro-batch alone.
      ByteBuffer first = TestImages.gratings(BATCH, SIDE, 16, 0);
      whole.initialize(first, BATCH);
      accumulating.initialize(first, BATCH);
      List<Map<String, Double>> metrics = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        metrics.add(
            Accumulation.step(
                accumulating, TestImages.gratings(BATCH, SIDE, 16, i), BATCH, microBatch));
      }
      Accumulation.assertClose(train(whole, 3), metrics);
      Accumulation.assertClose(whole, accumulating);
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void activationCheckpointingIsBitIdentical(Precision precision) throws IOException {
    try (VqKdTrainer plain = trainer(2, precision, false);
        VqKdTrainer checkpointing = trainer(2, precision, true)) {
      checkpointing.initialize(TestImages.gratings(BATCH, SIDE, 16, 0), BATCH);
      assertEquals(train(plain, 4), train(checkpointing, 4));
      assertArrayEquals(bytes(plain), bytes(checkpointing));
    }
  }

  /** The paper's codebook loss instead of the moving average. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void theCodebookCanLearnByItsGradient(boolean activationCheckpointing) {
    try (VqKdTrainer trainer =
        trainer(CodebookUpdate.GRADIENT, 0, Precision.FP32, activationCheckpointing)) {
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, 16, 0);
      trainer.initialize(images, BATCH);
      FloatBuffer before = trainer.values(VqKd.CODEBOOK);
      // The first step of the warm-up has a learning rate of almost 0.
      List<Map<String, Double>> metrics = train(trainer, 3);
      FloatBuffer after = trainer.values(VqKd.CODEBOOK);
      int moved = 0;
      for (int code = 0; code < CODES; code++) {
        double norm = 0;
        double difference = 0;
        for (int i = code * 16; i < (code + 1) * 16; i++) {
          norm += after.get(i) * after.get(i);
          difference += Math.abs(after.get(i) - before.get(i));
        }
        assertEquals(1, norm, 1e-5);
        moved += difference > 1e-4 ? 1 : 0;
      }
      // A code without a vector has no gradient, and does not decay either.
      assertTrue(moved > 0 && moved < CODES, "codes that moved: " + moved);
      assertEquals(
          metrics.get(0).get("loss"),
          metrics.get(0).get("reconstruction_loss")
              + metrics.get(0).get("commitment_loss")
              + metrics.get(0).get("codebook_loss"),
          1e-5);
    }
  }

  /** Averaged codes are means over the vectors of all workers, not over workers. */
  @Test
  void codesCountByTheirVectorsInAnAverage() throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    try (VqKdTrainer trainer = trainer(0)) {
      train(trainer, 3);
      assertEquals(3 * BATCH * 16, vectors(trainer), 1e-2);
      trainer.writeModel(Channels.newChannel(model));
      // The next round begins.
      trainer.restoreModel(channel(model));
      assertEquals(0, vectors(trainer), 1e-4);
      train(trainer, 1);
      assertEquals(BATCH * 16, vectors(trainer), 1e-2);
      assertEquals(trainer.values("encoder.cls_token"), trainer.contribution("encoder.cls_token"));
    }
  }

  /** The sum of the codes' weights, without what codes without a vector have. */
  private static double vectors(VqKdTrainer trainer) {
    FloatBuffer codes = trainer.contribution(VqKd.CODEBOOK);
    double sum = 0;
    for (int code = 0; code < CODES; code++) {
      double squares = 0;
      for (int i = code * 16; i < (code + 1) * 16; i++) {
        squares += codes.get(i) * codes.get(i);
      }
      sum += Math.sqrt(squares) - 0x1p-10;
    }
    return sum;
  }

  @Test
  void saysHowItsTensorsAreAveraged() throws IOException {
    try (VqKdTrainer trainer = trainer(3)) {
      train(trainer, 1);
      Map<String, SharedTensor> shared = new LinkedHashMap<>();
      trainer.sharedTensors().forEach(tensor -> shared.put(tensor.name(), tensor));
      assertEquals(
          new SharedTensor(
              "quantize.embedding.weight", List.of((long) CODES, 16L), Averaging.UNIT_MEAN),
          shared.get("quantize.embedding.weight"));
      assertEquals(Averaging.MEAN, shared.get("quantize.cluster_size").averaging());
      assertEquals(Averaging.OUTER_STEP, shared.get("encoder.cls_token").averaging());
      ByteArrayOutputStream model = new ByteArrayOutputStream();
      trainer.writeModel(Channels.newChannel(model));
      SafetensorsHeader header = Safetensors.header(channel(model));
      assertEquals(List.copyOf(header.tensors().keySet()), List.copyOf(shared.keySet()));
      for (SharedTensor tensor : shared.values()) {
        SafetensorsHeader.Entry entry = header.tensors().get(tensor.name());
        assertEquals(entry.shape(), tensor.shape());
        FloatBuffer written =
            ByteBuffer.wrap(model.toByteArray(), (int) entry.start(), (int) entry.size())
                .order(ByteOrder.LITTLE_ENDIAN)
                .asFloatBuffer();
        assertEquals(written, trainer.values(tensor.name()), tensor.name());
      }
    }
  }

  private static ReadableByteChannel channel(ByteArrayOutputStream bytes) {
    return Channels.newChannel(new ByteArrayInputStream(bytes.toByteArray()));
  }

  private static byte[] bytes(VqKdTrainer trainer) throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    trainer.writeModel(Channels.newChannel(model));
    trainer.writeOptimizer(Channels.newChannel(model));
    return model.toByteArray();
  }
}
