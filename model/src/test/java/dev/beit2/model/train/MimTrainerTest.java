package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.Pictures;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class MimTrainerTest {
  private static final int BATCH = 4;
  private static final int SIDE = 64;
  private static final int PATCHES = 16;

  private static MimTrainer trainer(double dropPath, long seed) {
    VitConfig backbone =
        new VitConfig(SIDE, 16, 3, 48, 3, 3, 4, Positions.SHARED_RELATIVE, 0.1, dropPath);
    return MimTrainer.start(
        new MimConfig(backbone, 32, 2, 1, true),
        AdamWConfig.pretraining(),
        new CosineSchedule(1.5e-3, 1e-6, 1e-5, 5, 1000),
        seed,
        Precision.FP32);
  }

  /** Codes that the unmasked pictures tell: a patch's code is the strength of its red, coarsely. */
  private static double step(MimTrainer trainer) {
    long step = trainer.step();
    ByteBuffer images = Pictures.gratings(BATCH, SIDE, SIDE, step);
    FloatBuffer pixels = images.asFloatBuffer();
    boolean[] masks = new boolean[BATCH * PATCHES];
    int[] codes = new int[BATCH * PATCHES];
    BlockwiseMask masking = BlockwiseMask.of(4, 6);
    SplittableRandom random = new SplittableRandom(step);
    for (int b = 0; b < BATCH; b++) {
      System.arraycopy(masking.sample(random), 0, masks, b * PATCHES, PATCHES);
      float lowest = 1;
      for (int i = 0; i < SIDE * SIDE; i++) {
        lowest = Math.min(lowest, pixels.get(b * 3 * SIDE * SIDE + i));
      }
      for (int i = 0; i < PATCHES; i++) {
        codes[b * PATCHES + i] = Math.min(31, (int) (Math.max(0, lowest) * 16));
      }
    }
    return trainer.step(images, masks, codes, BATCH).get("loss");
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

  @Test
  void stopsOnALossThatIsNotFinite() {
    try (MimTrainer trainer = trainer(0, 3)) {
      ByteBuffer images = Pictures.gratings(BATCH, SIDE, SIDE, 1);
      images.asFloatBuffer().put(5, Float.NaN);
      boolean[] masks = new boolean[BATCH * PATCHES];
      masks[3] = true;
      NonFiniteLossException stop =
          assertThrows(
              NonFiniteLossException.class,
              () -> trainer.step(images, masks, new int[masks.length], BATCH));
      assertTrue(stop.getMessage().contains("step 0"), stop.getMessage());
      assertEquals(0, trainer.step());
    }
  }
}
