package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.Pictures;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

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
    return VqKdTrainer.start(
        config(reviveDeadCodesAfter),
        Teacher.hog(Kernels.of(Precision.FP32), 16),
        AdamWConfig.tokenizer(),
        new CosineSchedule(1e-3, 1e-6, 1e-5, 10, 80),
        7,
        Precision.FP32);
  }

  private static List<Map<String, Double>> train(VqKdTrainer trainer, int steps) {
    List<Map<String, Double>> metrics = new ArrayList<>();
    for (int i = 0; i < steps; i++) {
      metrics.add(trainer.step(Pictures.gratings(BATCH, SIDE, 16, trainer.step()), BATCH));
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
  void flatPicturesDoNotSpoilTheLoss() {
    try (VqKdTrainer trainer = trainer(10)) {
      ByteBuffer pictures = Pictures.gratings(BATCH, SIDE, 16, 1);
      pictures.asFloatBuffer().put(0, new float[3 * SIDE * SIDE]);
      trainer.step(pictures, BATCH);
      double loss = trainer.step(pictures, BATCH).get("loss");
      assertTrue(loss > 0 && loss < 2, () -> "loss " + loss);
    }
  }

  @Test
  void restoredTrainerGoesOnToTheBit() throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    ByteArrayOutputStream moments = new ByteArrayOutputStream();
    try (VqKdTrainer uninterrupted = trainer(3);
        VqKdTrainer restored = trainer(3)) {
      train(uninterrupted, 6);
      uninterrupted.writeModel(Channels.newChannel(model));
      uninterrupted.writeOptimizer(Channels.newChannel(moments));
      List<Map<String, Double>> wanted = train(uninterrupted, 5);

      restored.restore(channel(model), channel(moments));
      assertEquals(6, restored.step());
      assertEquals(wanted, train(restored, 5));
      assertArrayEquals(bytes(uninterrupted), bytes(restored));
    }
  }

  @Test
  void refusesACheckpointOfAnotherShape() throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    ByteArrayOutputStream moments = new ByteArrayOutputStream();
    try (VqKdTrainer one = trainer(3);
        VqKdTrainer other = trainer(4)) {
      one.writeModel(Channels.newChannel(model));
      one.writeOptimizer(Channels.newChannel(moments));
      IllegalArgumentException refusal =
          assertThrows(
              IllegalArgumentException.class,
              () -> other.restore(channel(model), channel(moments)));
      assertTrue(refusal.getMessage().contains("\"reviveDeadCodesAfter\":3"), refusal.getMessage());
      assertTrue(refusal.getMessage().contains("\"reviveDeadCodesAfter\":4"), refusal.getMessage());
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
