package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.TestImages;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.recipe.FineTuningRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class FineTuningTrainerTest {
  private static final int BATCH = 8;
  private static final int SIDE = 64;
  private static final int CLASSES = 5;

  private static FineTuningTrainer trainer(double dropPath, long seed) {
    return trainer(dropPath, seed, Precision.FP32, false);
  }

  private static FineTuningTrainer trainer(
      double dropPath, long seed, Precision precision, boolean activationCheckpointing) {
    VitConfig backbone = new VitConfig(SIDE, 16, 3, 48, 3, 3, 4, Positions.RELATIVE, 0.1, dropPath);
    return FineTuningTrainer.start(
        new ClassifierConfig(backbone, CLASSES, true),
        FineTuningRecipe.TINY.optimizer(),
        0.75,
        new CosineSchedule(1.5e-3, 0, 1e-6, 5, 1000),
        seed,
        precision,
        activationCheckpointing);
  }

  private static List<Mix> mixes(long step) {
    List<Mix> mixes = new ArrayList<>();
    for (int i = 0; i < BATCH; i++) {
      int pair = i / 2;
      mixes.add(
          pair % 2 == 0
              ? Mix.mixup(0.3 + 0.1 * pair)
              : Mix.cutmix(0.6, SIDE, (int) (10 * step) % SIDE, 50));
    }
    return mixes;
  }

  /** A step in micro-batches of a size. */
  private static Map<String, Double> step(FineTuningTrainer trainer, int microBatch) {
    long step = trainer.step();
    ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, step);
    long[] labels = new long[BATCH];
    Arrays.setAll(labels, i -> (i + step) % CLASSES);
    int bytes = images.remaining() / BATCH;
    for (int from = 0; from < BATCH; from += microBatch) {
      int to = Math.min(BATCH, from + microBatch);
      trainer.accumulate(
          images.slice(from * bytes, (to - from) * bytes).order(images.order()),
          Arrays.copyOfRange(labels, from, to),
          0.1,
          mixes(step).subList(from, to),
          to - from,
          (to - from) / (double) BATCH);
    }
    return trainer.update();
  }

  private static List<Map<String, Double>> steps(FineTuningTrainer trainer, int microBatch) {
    List<Map<String, Double>> metrics = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      metrics.add(step(trainer, microBatch));
    }
    return metrics;
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 4, 6})
  void microBatchesAddUpToTheBatch(int microBatch) {
    try (FineTuningTrainer whole = trainer(0.3, 3);
        FineTuningTrainer accumulating = trainer(0.3, 3)) {
      Accumulation.assertClose(steps(whole, BATCH), steps(accumulating, microBatch));
      Accumulation.assertClose(whole, accumulating);
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void activationCheckpointingIsBitIdentical(Precision precision) {
    try (FineTuningTrainer plain = trainer(0.3, 3, precision, false);
        FineTuningTrainer checkpointing = trainer(0.3, 3, precision, true)) {
      assertEquals(steps(plain, 4), steps(checkpointing, 4));
      assertEquals(steps(plain, BATCH), steps(checkpointing, BATCH));
      assertEquals(Accumulation.values(plain), Accumulation.values(checkpointing));
    }
  }

  @Test
  void aRestoredTrainerContinuesBitForBit() throws IOException {
    try (FineTuningTrainer first = trainer(0.3, 3);
        FineTuningTrainer second = trainer(0.3, 3)) {
      steps(first, 4);
      ByteArrayOutputStream model = new ByteArrayOutputStream();
      ByteArrayOutputStream optimizer = new ByteArrayOutputStream();
      first.writeModel(Channels.newChannel(model));
      first.writeOptimizer(Channels.newChannel(optimizer));
      second.restoreModel(Channels.newChannel(new ByteArrayInputStream(model.toByteArray())));
      second.restoreOptimizer(
          Channels.newChannel(new ByteArrayInputStream(optimizer.toByteArray())));
      assertEquals(steps(first, 4), steps(second, 4));
      assertEquals(Accumulation.values(first), Accumulation.values(second));
    }
  }

  @Test
  void dropPathAndSeedChangeTheLoss() {
    try (FineTuningTrainer none = trainer(0, 3);
        FineTuningTrainer some = trainer(0.5, 3);
        FineTuningTrainer other = trainer(0.5, 4)) {
      double loss = steps(none, BATCH).get(2).get("loss");
      assertFalse(loss == steps(some, BATCH).get(2).get("loss"));
      assertFalse(loss == steps(other, BATCH).get(2).get("loss"));
    }
  }

  @Test
  void theLossFalls() {
    try (FineTuningTrainer trainer = trainer(0, 3)) {
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, 1);
      long[] labels = {0, 1, 2, 3, 4, 0, 1, 2};
      List<Double> losses = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        trainer.accumulate(images, labels, 0.1, List.of(), BATCH, 1);
        losses.add(trainer.update().get("loss"));
      }
      assertEquals(Math.log(CLASSES), losses.get(0), 0.05);
      assertTrue(losses.get(39) < 0.8, losses::toString);
    }
  }

  /** Official optim_factory.py: decay^(L + 1 − id). */
  @Test
  void learningRatesFallLayerByLayer() {
    ToDoubleFunction<String> scale = ParameterGroups.layerwise(0.6, 12);
    for (String lowest :
        List.of("cls_token", "mask_token", "patch_embed.proj.weight", "patch_embed.proj.bias")) {
      assertEquals(Math.pow(0.6, 13), scale.applyAsDouble(lowest), 1e-15, lowest);
    }
    assertEquals(Math.pow(0.6, 12), scale.applyAsDouble("blocks.0.gamma_1"), 1e-15);
    assertEquals(
        Math.pow(0.6, 9), scale.applyAsDouble("blocks.3.attn.relative_position_bias_table"), 1e-15);
    assertEquals(0.6, scale.applyAsDouble("blocks.11.mlp.fc2.bias"), 1e-15);
    for (String highest : List.of("fc_norm.weight", "norm.bias", "head.weight", "head.bias")) {
      assertEquals(1, scale.applyAsDouble(highest), highest);
    }
  }

  @Test
  void mixesAreTimms() {
    assertEquals(new Mix(0.3, 0, 0, 0, 0, 0.3), Mix.mixup(0.3));
    // A box of 2 · (int(64 · √0.4) / 2) = 40 pixels; at the edge half of it is cut off.
    assertEquals(new Mix(1, 12, 52, 0, 20, 1 - 40 * 20 / 4096.0), Mix.cutmix(0.6, 64, 32, 0));
    assertEquals(new Mix(1, 5, 5, 7, 7, 1), Mix.cutmix(1, 64, 5, 7));
    Mix whole = Mix.cutmix(0, 64, 32, 32);
    assertArrayEquals(
        new double[] {0, 64, 0, 64, 0},
        new double[] {
          whole.top(), whole.bottom(), whole.left(), whole.right(), whole.labelWeight()
        });
  }
}
