package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.model.train.VqKdTrainer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** bfloat16 beside float32 on the sample photographs, with the demo's networks. */
class PrecisionTest {
  private static final int IMAGES = 128;
  private static final int SIDE = 96;
  private static final int PATCHES = 36;
  private static final int STEPS = 50;
  // Slow where bfloat16 is emulated.
  private static final int PRETRAINING_STEPS = 20;

  private static ImageBatch photographs() throws Exception {
    ImageFolder samples = ImageFolder.list("samples/train");
    ImageBatch batch = new ImageBatch(IMAGES, SIDE);
    for (int i = 0; i < IMAGES; i++) {
      byte[] photograph = samples.read(samples.entries().get(2 * i));
      EncodedImage image = EncodedImage.open(photograph, DecodingLimits.DEFAULT);
      batch.put(i, image.renderForEvaluation(SIDE));
    }
    return batch;
  }

  @Test
  void codesAndLossesHardlyDiffer() throws Exception {
    ImageBatch photographs = photographs();
    byte[] tokenizer = trainTokenizer(photographs);
    int[] exact = codes(tokenizer, photographs, Precision.FP32);
    int[] rounded = codes(tokenizer, photographs, Precision.BF16);
    int same = 0;
    for (int i = 0; i < exact.length; i++) {
      same += exact[i] == rounded[i] ? 1 : 0;
    }
    double fraction = (double) same / exact.length;
    assertTrue(fraction >= 0.99, () -> "fraction of equal codes " + fraction);
    // The rounding is real.
    assertTrue(fraction < 1, "bf16 changed nothing");

    List<Map<String, Double>> wanted = pretrain(photographs, exact, Precision.FP32);
    List<Map<String, Double>> found = pretrain(photographs, exact, Precision.BF16);
    // With a bias or logits of 8 bits, the gradients of these steps differ by 2e-3.
    for (int step = 0; step < 15; step++) {
      for (String metric : List.of("loss", "gradient_norm")) {
        double value = wanted.get(step).get(metric);
        assertEquals(value, found.get(step).get(metric), 4e-4 * value, metric + " " + step);
      }
    }
    // Later, training amplifies any difference.
    double last = wanted.get(PRETRAINING_STEPS - 1).get("loss");
    assertEquals(last, found.get(PRETRAINING_STEPS - 1).get("loss"), 0.03 * last);
  }

  private static byte[] trainTokenizer(ImageBatch photographs) throws IOException {
    int batch = 16;
    try (VqKdTrainer trainer =
        VqKdTrainer.start(
            TokenizerRecipe.TINY.network(108).withReviveDeadCodesAfter(10),
            Teacher.hog(Kernels.of(Precision.FP32), 16),
            TokenizerRecipe.TINY.optimizer(),
            new CosineSchedule(5e-4, 1e-6, 1e-5, 10, STEPS),
            1,
            Precision.FP32)) {
      for (int step = 0; step < STEPS; step++) {
        trainer.step(photographs.slots(step * batch % IMAGES, batch), batch);
      }
      ByteArrayOutputStream model = new ByteArrayOutputStream();
      trainer.writeModel(Channels.newChannel(model));
      return model.toByteArray();
    }
  }

  private static int[] codes(byte[] model, ImageBatch photographs, Precision precision)
      throws IOException {
    int[] codes = new int[IMAGES * PATCHES];
    try (Tokenizer tokenizer =
        Tokenizer.read(Channels.newChannel(new ByteArrayInputStream(model)), precision)) {
      tokenizer.encode(photographs.first(IMAGES), IMAGES, codes);
    }
    return codes;
  }

  /** The metrics of each step. */
  private static List<Map<String, Double>> pretrain(
      ImageBatch photographs, int[] codes, Precision precision) {
    int batch = 8;
    BlockwiseMask masking = PretrainingRecipe.TINY.mask();
    List<Map<String, Double>> metrics = new ArrayList<>();
    try (MimTrainer trainer =
        MimTrainer.start(
            PretrainingRecipe.TINY.network(256),
            PretrainingRecipe.TINY.optimizer(),
            new CosineSchedule(1.5e-3, 1e-6, 1e-5, 10, STEPS),
            1,
            precision)) {
      for (int step = 0; step < PRETRAINING_STEPS; step++) {
        int first = step * batch % IMAGES;
        SplittableRandom random = new SplittableRandom(step);
        boolean[] masks = new boolean[batch * PATCHES];
        int[] labels = new int[batch * PATCHES];
        for (int i = 0; i < batch; i++) {
          System.arraycopy(masking.sample(random), 0, masks, i * PATCHES, PATCHES);
        }
        System.arraycopy(codes, first * PATCHES, labels, 0, labels.length);
        metrics.add(trainer.step(photographs.slots(first, batch), masks, labels, batch));
      }
    }
    return metrics;
  }
}
