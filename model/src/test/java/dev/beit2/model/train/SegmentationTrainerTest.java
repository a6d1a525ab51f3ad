package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.TestImages;
import dev.beit2.model.recipe.SegmentationRecipe;
import dev.beit2.model.segment.SegmenterConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.ToDoubleFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SegmentationTrainerTest {
  private static final int BATCH = 4;
  private static final int SIDE = 64;
  private static final int CLASSES = 3;

  private static SegmentationTrainer trainer(double dropPath, double headDropout, long seed) {
    return trainer(dropPath, headDropout, seed, Precision.FP32, false);
  }

  private static SegmentationTrainer trainer(
      double dropPath,
      double headDropout,
      long seed,
      Precision precision,
      boolean activationCheckpointing) {
    VitConfig backbone = new VitConfig(SIDE, 16, 3, 24, 4, 2, 4, Positions.RELATIVE, 0.1, dropPath);
    return SegmentationTrainer.start(
        new SegmenterConfig(backbone, CLASSES, 16),
        SegmentationRecipe.TINY.optimizer(),
        0.85,
        headDropout,
        new LinearSchedule(2e-3, 1e-6, 0, 2, 1000),
        seed,
        precision,
        activationCheckpointing);
  }

  /** Each tile of 16 pixels has a class or none. */
  private static ByteBuffer labels(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    ByteBuffer labels = ByteBuffer.allocateDirect(BATCH * SIDE * SIDE);
    int tiles = SIDE / 16;
    byte[] drawn = new byte[BATCH * tiles * tiles];
    for (int i = 0; i < drawn.length; i++) {
      int label = random.nextInt(CLASSES + 1);
      drawn[i] = (byte) (label == CLASSES ? SegmenterConfig.IGNORED : label);
    }
    for (int i = 0; i < labels.capacity(); i++) {
      int image = i / (SIDE * SIDE);
      int row = i / SIDE % SIDE / 16;
      labels.put(i, drawn[(image * tiles + row) * tiles + i % SIDE / 16]);
    }
    return labels;
  }

  /** A step in micro-batches of a size. */
  private static Map<String, Double> step(SegmentationTrainer trainer, int microBatch) {
    ByteBuffer images = TestImages.gratings(BATCH, SIDE, 16, trainer.step());
    ByteBuffer labels = labels(trainer.step());
    int bytes = images.remaining() / BATCH;
    int pixels = SIDE * SIDE;
    for (int from = 0; from < BATCH; from += microBatch) {
      trainer.accumulate(
          images.slice(from * bytes, microBatch * bytes).order(images.order()),
          labels.slice(from * pixels, microBatch * pixels),
          microBatch,
          microBatch / (double) BATCH);
    }
    return trainer.update();
  }

  private static List<Map<String, Double>> steps(SegmentationTrainer trainer, int microBatch) {
    List<Map<String, Double>> metrics = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      metrics.add(step(trainer, microBatch));
    }
    return metrics;
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void activationCheckpointingIsBitIdentical(Precision precision) {
    try (SegmentationTrainer plain = trainer(0.3, 0.2, 3, precision, false);
        SegmentationTrainer checkpointing = trainer(0.3, 0.2, 3, precision, true)) {
      assertEquals(steps(plain, 2), steps(checkpointing, 2));
      assertEquals(Accumulation.values(plain), Accumulation.values(checkpointing));
    }
  }

  @Test
  void aRestoredTrainerContinuesBitForBit() throws IOException {
    try (SegmentationTrainer first = trainer(0.3, 0.2, 3);
        SegmentationTrainer second = trainer(0.3, 0.2, 3)) {
      steps(first, 2);
      ByteArrayOutputStream model = new ByteArrayOutputStream();
      ByteArrayOutputStream optimizer = new ByteArrayOutputStream();
      first.writeModel(Channels.newChannel(model));
      first.writeOptimizer(Channels.newChannel(optimizer));
      second.restoreModel(Channels.newChannel(new ByteArrayInputStream(model.toByteArray())));
      second.restoreOptimizer(
          Channels.newChannel(new ByteArrayInputStream(optimizer.toByteArray())));
      assertEquals(steps(first, 2), steps(second, 2));
      assertEquals(Accumulation.values(first), Accumulation.values(second));
    }
  }

  @Test
  void dropPathDropoutAndSeedChangeTheLoss() {
    try (SegmentationTrainer none = trainer(0, 0, 3);
        SegmentationTrainer paths = trainer(0.5, 0, 3);
        SegmentationTrainer channels = trainer(0, 0.5, 3);
        SegmentationTrainer other = trainer(0, 0.5, 4)) {
      double loss = steps(none, BATCH).get(2).get("loss");
      double dropped = steps(channels, BATCH).get(2).get("loss");
      assertFalse(loss == steps(paths, BATCH).get(2).get("loss"));
      assertFalse(loss == dropped);
      assertFalse(dropped == steps(other, BATCH).get(2).get("loss"));
    }
  }

  @Test
  void theLossFallsAndStatisticsAreAveragedAsSuch() {
    try (SegmentationTrainer trainer = trainer(0, 0, 3)) {
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, 16, 1);
      List<Double> losses = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        losses.add(trainer.step(images, labels(1), BATCH).get("decode_loss"));
      }
      // A quarter of the pixels has no class and counts as 0.
      assertEquals(0.75 * Math.log(CLASSES), losses.get(0), 0.15);
      assertTrue(losses.get(39) < 0.4 * losses.get(0), losses::toString);
      for (SharedTensor tensor : trainer.sharedTensors()) {
        assertEquals(
            tensor.name().contains(".running_") ? Averaging.MEAN : Averaging.OUTER_STEP,
            tensor.averaging(),
            tensor.name());
      }
    }
  }

  /** Official layer_decay_optimizer_constructor.py. */
  @Test
  void learningRatesFallLayerByLayerBelowTheHeads() {
    ToDoubleFunction<String> scale = ParameterGroups.layerwise(0.75, 12);
    assertEquals(Math.pow(0.75, 13), scale.applyAsDouble("backbone.cls_token"), 1e-15);
    assertEquals(Math.pow(0.75, 13), scale.applyAsDouble("backbone.patch_embed.proj.bias"), 1e-15);
    assertEquals(Math.pow(0.75, 12), scale.applyAsDouble("backbone.blocks.0.gamma_1"), 1e-15);
    assertEquals(0.75, scale.applyAsDouble("backbone.blocks.11.norm1.weight"), 1e-15);
    for (String highest :
        List.of("backbone.fpn1.0.weight", "decode_head.conv_seg.bias", "auxiliary_head.convs.0")) {
      assertEquals(1, scale.applyAsDouble(highest), highest);
    }
  }

  /** mmcv's PolyLrUpdaterHook with power 1 and a linear warm-up. */
  @Test
  void theScheduleIsMmcvs() {
    LinearSchedule schedule = new LinearSchedule(5e-5, 1e-6, 0, 1500, 160_000);
    assertEquals(5e-11, schedule.at(0), 1e-20);
    assertEquals(5e-5 * (1 - 750 / 160e3) * (0.5 + 0.5e-6), schedule.at(750), 1e-16);
    assertEquals(5e-5 * (1 - 1500 / 160e3), schedule.at(1500), 1e-16);
    assertEquals(2.5e-5, schedule.at(80_000), 1e-16);
    assertEquals(5e-5 / 160e3, schedule.at(159_999), 1e-16);
    assertEquals(schedule.at(100), schedule.withOffset(60).at(40));
  }
}
