package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.TestImages;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class MimTrainerTest {
  private static final int BATCH = 4;
  private static final int SIDE = 64;
  private static final int PATCHES = 16;

  private static MimTrainer trainer(double dropPath, long seed) {
    return trainer(dropPath, seed, Precision.FP32, false);
  }

  private static MimTrainer trainer(
      double dropPath, long seed, Precision precision, boolean activationCheckpointing) {
    VitConfig backbone =
        new VitConfig(SIDE, 16, 3, 48, 3, 3, 4, Positions.SHARED_RELATIVE, 0.1, dropPath);
    return MimTrainer.start(
        new MimConfig(backbone, 32, 2, 1, true),
        PretrainingRecipe.TINY.optimizer(),
        new CosineSchedule(1.5e-3, 1e-6, 1e-5, 5, 1000),
        seed,
        precision,
        activationCheckpointing);
  }

  /** Takes a step on codes that visible patches reveal: how bright the image's red is. */
  private static double step(MimTrainer trainer) {
    long step = trainer.step();
    ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, step);
    FloatBuffer pixels = images.asFloatBuffer();
    int[] codes = new int[BATCH * PATCHES];
    for (int b = 0; b < BATCH; b++) {
      float lowest = 1;
      for (int i = 0; i < SIDE * SIDE; i++) {
        lowest = Math.min(lowest, pixels.get(b * 3 * SIDE * SIDE + i));
      }
      Arrays.fill(
          codes, b * PATCHES, (b + 1) * PATCHES, Math.min(31, (int) (Math.max(0, lowest) * 16)));
    }
    return trainer.step(images, masks(step), codes, BATCH).get("loss");
  }

  private static boolean[] masks(long seed) {
    boolean[] masks = new boolean[BATCH * PATCHES];
    BlockwiseMask masking = new BlockwiseMask(4, 6, 4, 6, 0.3);
    SplittableRandom random = new SplittableRandom(seed);
    for (int b = 0; b < BATCH; b++) {
      System.arraycopy(masking.sample(random), 0, masks, b * PATCHES, PATCHES);
    }
    return masks;
  }

  /** The loss of the first step of a new trainer. */
  private static double firstLoss(ByteBuffer images, boolean[] masks, int[] codes) {
    try (MimTrainer trainer = trainer(0, 3)) {
      return trainer.step(images, masks, codes, BATCH).get("loss");
    }
  }

  /** Each patch has a code of its own, so that a code at a wrong position changes the loss. */
  @Test
  void onlyCodesOfMaskedPatchesCountEachAtItsPosition() {
    ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, 1);
    boolean[] masks = masks(1);
    int[] codes = new SplittableRandom(2).ints(masks.length, 0, 32).toArray();
    double loss = firstLoss(images, masks, codes);

    int[] othersChanged = codes.clone();
    for (int i = 0; i < masks.length; i++) {
      // The patch after the next of the next image: at their initial values, networks see no
      // difference between two masked patches of one image.
      int other = (i + PATCHES + 2) % masks.length;
      if (!masks[i]) {
        othersChanged[i] = (codes[i] + 1) % 32;
      } else if (masks[other] && codes[i] != codes[other]) {
        int[] swapped = codes.clone();
        swapped[i] = codes[other];
        swapped[other] = codes[i];
        assertNotEquals(loss, firstLoss(images, masks, swapped), "patches " + i + ", " + other);
      }
    }
    assertEquals(loss, firstLoss(images, masks, othersChanged));
  }

  @Test
  void onlyPixelsOfVisiblePatchesAreSeen() {
    boolean[] masks = masks(1);
    int[] codes = new int[masks.length];
    double loss = firstLoss(TestImages.gratings(BATCH, SIDE, SIDE, 1), masks, codes);

    for (boolean masked : new boolean[] {true, false}) {
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, 1);
      FloatBuffer pixels = images.asFloatBuffer();
      for (int i = 0; i < pixels.limit(); i++) {
        int x = i % SIDE / 16;
        int y = i / SIDE % SIDE / 16;
        if (masks[i / (3 * SIDE * SIDE) * PATCHES + y * 4 + x] == masked) {
          pixels.put(i, 1 - pixels.get(i));
        }
      }
      assertEquals(masked, loss == firstLoss(images, masks, codes));
    }
  }

  @Test
  void lossFallsAndIsTheSameForTheSameSeed() {
    List<Double> one = new ArrayList<>();
    List<Double> other = new ArrayList<>();
    try (MimTrainer first = trainer(0.1, 3);
        MimTrainer second = trainer(0.1, 3);
        MimTrainer third = trainer(0.1, 4)) {
      for (int i = 0; i < 60; i++) {
        one.add(step(first));
        other.add(step(second));
      }
      assertEquals(one, other);
      assertTrue(one.get(59) < 0.7 * one.get(0), one::toString);
      assertTrue(step(third) != one.get(0));
    }
  }

  /**
   * Takes three steps; the second half of a batch has fewer masked patches, its last quarter none.
   */
  private static List<Map<String, Double>> unevenSteps(MimTrainer trainer, int microBatch) {
    List<Map<String, Double>> metrics = new ArrayList<>();
    for (int step = 0; step < 3; step++) {
      SplittableRandom random = new SplittableRandom(step);
      boolean[] masks = new boolean[BATCH * PATCHES];
      for (int i = 0; i < masks.length * 3 / 4; i++) {
        masks[i] = random.nextDouble() < (i < masks.length / 2 ? 0.6 : 0.2);
      }
      int[] codes = random.ints(masks.length, 0, 32).toArray();
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, step);
      metrics.add(Accumulation.step(trainer, images, masks, codes, BATCH, microBatch));
    }
    return metrics;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void microBatchesAddUpToTheBatch(int microBatch) {
    try (MimTrainer whole = trainer(0.3, 3);
        MimTrainer accumulating = trainer(0.3, 3)) {
      Accumulation.assertClose(unevenSteps(whole, BATCH), unevenSteps(accumulating, microBatch));
      Accumulation.assertClose(whole, accumulating);
    }
  }

  @ParameterizedTest
  @EnumSource(Precision.class)
  void activationCheckpointingIsBitIdentical(Precision precision) {
    try (MimTrainer plain = trainer(0.3, 3, precision, false);
        MimTrainer checkpointing = trainer(0.3, 3, precision, true)) {
      assertEquals(unevenSteps(plain, 2), unevenSteps(checkpointing, 2));
      assertEquals(unevenSteps(plain, BATCH), unevenSteps(checkpointing, BATCH));
      assertEquals(Accumulation.values(plain), Accumulation.values(checkpointing));
    }
  }

  /** A step that has failed leaves nothing behind that the next one would add to. */
  @Test
  void anAbandonedStepIsForgotten() {
    try (MimTrainer plain = trainer(0.3, 3);
        MimTrainer interrupted = trainer(0.3, 3)) {
      boolean[] masks = masks(1);
      int[] codes = new int[masks.length];
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, 1);
      ByteBuffer broken = TestImages.gratings(BATCH, SIDE, SIDE, 1);
      broken.asFloatBuffer().put(0, Float.NaN);
      interrupted.accumulate(images, masks, codes, BATCH, 0.5);
      assertThrows(
          NonFiniteLossException.class,
          () -> interrupted.accumulate(broken, masks, codes, BATCH, 0.5));
      assertThrows(IllegalStateException.class, interrupted::update);
      assertEquals(
          plain.step(images, masks, codes, BATCH), interrupted.step(images, masks, codes, BATCH));
      assertEquals(Accumulation.values(plain), Accumulation.values(interrupted));
    }
  }

  @Test
  void leavesParametersAloneWhenTheGradientIsNotFinite() throws IOException {
    try (MimTrainer trainer = trainer(0, 3)) {
      step(trainer);
      ByteArrayOutputStream file = new ByteArrayOutputStream();
      trainer.writeModel(Channels.newChannel(file));
      byte[] model = file.toByteArray();
      Entry head =
          Safetensors.header(Channels.newChannel(new ByteArrayInputStream(model)))
              .tensors()
              .get("lm_head.weight");
      // A loss of about 1e25, whose square is no float any more.
      ByteBuffer.wrap(model).order(ByteOrder.LITTLE_ENDIAN).putFloat((int) head.start(), 1e25f);
      trainer.restoreModel(Channels.newChannel(new ByteArrayInputStream(model)));
      Map<String, FloatBuffer> before = Accumulation.values(trainer);
      NonFiniteLossException stop = assertThrows(NonFiniteLossException.class, () -> step(trainer));
      assertTrue(
          stop.getMessage().contains("norm of the gradient of step 2 is Infinity"),
          stop.getMessage());
      assertEquals(2, stop.step());
      assertTrue(stop.loss() > 1e20 && Double.isFinite(stop.loss()));
      assertEquals(1, trainer.step());
      assertEquals(before, Accumulation.values(trainer));
    }
  }

  @Test
  void sharesTheTrainedTensors() {
    try (MimTrainer trainer = trainer(0, 3)) {
      List<String> names = trainer.sharedTensors().stream().map(SharedTensor::name).toList();
      assertTrue(names.contains("rel_pos_bias.relative_position_bias_table"), names::toString);
      assertFalse(names.contains("rel_pos_bias.relative_position_index"), names::toString);
      assertTrue(
          trainer.sharedTensors().stream().allMatch(t -> t.averaging() == Averaging.OUTER_STEP));
    }
  }

  @Test
  void stopsOnALossThatIsNotFinite() {
    try (MimTrainer trainer = trainer(0, 3)) {
      ByteBuffer images = TestImages.gratings(BATCH, SIDE, SIDE, 1);
      images.asFloatBuffer().put(5, Float.NaN);
      boolean[] masks = new boolean[BATCH * PATCHES];
      masks[3] = true;
      NonFiniteLossException stop =
          assertThrows(
              NonFiniteLossException.class,
              () -> trainer.step(images, masks, new int[masks.length], BATCH));
      assertTrue(stop.getMessage().contains("step 1"), stop.getMessage());
      assertEquals(1, stop.step());
      assertTrue(Double.isNaN(stop.loss()));
      assertEquals(0, trainer.step());
    }
  }
}
