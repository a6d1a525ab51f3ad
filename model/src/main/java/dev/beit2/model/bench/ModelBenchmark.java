package dev.beit2.model.bench;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.model.vit.VitConfig;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Measures how fast this machine runs the networks, and how fast it multiplies matrices in the same
 * precision. Rates are medians of several rounds after a warm-up.
 *
 * @param precision of all rates
 * @param batch images per forward pass or step
 */
public record ModelBenchmark(Precision precision, int batch) {
  private static final int ROUNDS = 3;

  /**
   * A network's rate.
   *
   * @param imagesPerSecond images
   * @param flopsPerSecond additions and multiplications of its matrix products
   */
  public record Rate(double imagesPerSecond, double flopsPerSecond) {}

  /**
   * Additions and multiplications per second of the matrix product of a block's MLP, [B · T, D] by
   * [D, 4D], with weights that are already in the precision.
   */
  public double matrixMultiplyFlops(VitConfig vit) {
    long rows = (long) batch * (vit.patches() + 1);
    Kernels kernels = Kernels.of(precision);
    try (StateDict state = new StateDict()) {
      NDManager manager = state.manager();
      state.put("x", manager.randomNormal(new Shape(rows, vit.dim())));
      state.put("w", manager.randomNormal(new Shape(vit.mlpDim(), vit.dim())));
      state.convert(kernels, name -> true);
      double flops = 2.0 * rows * vit.dim() * vit.mlpDim();
      int repeats = (int) Math.max(4, 2e11 / flops);
      double seconds =
          medianSeconds(
              () -> {
                for (int i = 0; i < repeats; i++) {
                  try (NDArray product =
                      kernels.call(
                          manager, "linear", state.get("x"), state.get("w"), kernels.none())) {
                    product.getShape();
                  }
                }
              });
      return repeats * flops / seconds;
    }
  }

  /** {@link Tokenizer#encode}: from images in memory to codes. */
  public Rate tokenizer(Tokenizer tokenizer, VqKdConfig config) {
    ByteBuffer images = images(config.encoder().imageSize());
    int[] codes = new int[batch * config.encoder().patches()];
    double seconds = medianSeconds(() -> tokenizer.encode(images, batch, codes));
    return rate(seconds, batch * encoderFlops(config));
  }

  private static double encoderFlops(VqKdConfig config) {
    VitConfig encoder = config.encoder();
    double patches = encoder.patches();
    double taskLayer = 2 * patches * encoder.dim() * (encoder.dim() + config.codeDimension());
    double nearest = 2 * patches * config.codeDimension() * config.codebookSize();
    return flops(encoder, encoder.depth()) + taskLayer + nearest;
  }

  /**
   * A step of pretraining: forward, backward and optimizer, 40 % of the patches masked block-wise.
   */
  public Rate pretraining(PretrainingRecipe recipe, int vocabulary) {
    MimConfig config = recipe.network(vocabulary);
    VitConfig backbone = config.backbone();
    int masked = recipe.maskedPatches();
    BlockwiseMask masking = recipe.mask();
    SplittableRandom random = new SplittableRandom(1);
    int patches = backbone.patches();
    boolean[] masks = new boolean[batch * patches];
    for (int b = 0; b < batch; b++) {
      System.arraycopy(masking.sample(random), 0, masks, b * patches, patches);
    }
    int[] codes = random.ints(masks.length, 0, config.vocabulary()).toArray();
    ByteBuffer images = images(backbone.imageSize());
    double heads = config.aggregates() ? 2 : 1;
    double flops =
        flops(backbone, backbone.depth() + config.headLayers())
            + 2.0 * heads * masked * backbone.dim() * config.vocabulary();
    try (MimTrainer trainer =
        MimTrainer.start(
            config,
            recipe.optimizer(),
            new CosineSchedule(1e-4, 1e-6, 1e-5, 10, 1000),
            1,
            precision)) {
      // The backward pass has two products for each product of the forward pass.
      return rate(
          medianSeconds(() -> trainer.step(images, masks, codes, batch)), 3 * batch * flops);
    }
  }

  private Rate rate(double seconds, double flops) {
    return new Rate(batch / seconds, flops / seconds);
  }

  /** Additions and multiplications of the patch embedding and some blocks for one image. */
  private static double flops(VitConfig vit, int blocks) {
    double tokens = vit.patches() + 1;
    double dim = vit.dim();
    double linear = tokens * dim * (4 * dim + 2.0 * vit.mlpDim());
    double attention = 2 * tokens * tokens * dim;
    double embedding = vit.patches() * dim * vit.channels() * vit.patchSize() * vit.patchSize();
    return 2 * (blocks * (linear + attention) + embedding);
  }

  private ByteBuffer images(int side) {
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(batch * 3 * side * side * Float.BYTES)
            .order(ByteOrder.nativeOrder());
    FloatBuffer pixels = bytes.asFloatBuffer();
    SplittableRandom random = new SplittableRandom(1);
    while (pixels.hasRemaining()) {
      pixels.put((float) random.nextDouble());
    }
    return bytes;
  }

  private static double medianSeconds(Runnable work) {
    work.run();
    double[] seconds = new double[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
      long start = System.nanoTime();
      work.run();
      seconds[i] = (System.nanoTime() - start) / 1e9;
    }
    Arrays.sort(seconds);
    return seconds[ROUNDS / 2];
  }
}
