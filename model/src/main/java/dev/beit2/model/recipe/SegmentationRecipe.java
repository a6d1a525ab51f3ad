package dev.beit2.model.recipe;

import dev.beit2.model.train.AdamWConfig;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * How a backbone is trained to segment images (paper, section 4.1; official {@code
 * semantic_segmentation}, configs {@code upernet_beitv2_*_512_slide_160k_*}). A component that is
 * also an option of {@code ./beit2 segment} has the option's name.
 *
 * <p>The presets are named after the backbone: its size, and whether it was pretrained on
 * ImageNet-1k ({@code pt1k}) or is fine-tuned on ImageNet-21k already ({@code ft21k}).
 *
 * @param inputSize side of a crop in pixels: 512 (official {@code crop_size}). tiny: chosen here
 * @param auxiliaryChannels width of the auxiliary head: 256 (official config). tiny: chosen here
 * @param reduceZeroLabel whether the masks' value 0 means no class, and 1 the first class: true, as
 *     in ADE20K (official {@code reduce_zero_label})
 * @param dropPath rate of stochastic depth in the last block: base 0.15, large 0.2 (official {@code
 *     drop_path_rate}). tiny: chosen here
 * @param headDropout probability with which a head does not see a channel: 0.1 (official {@code
 *     dropout_ratio})
 * @param layerDecay factor from a layer's learning rate to that of the layer below it: base 0.75 of
 *     pt1k, 0.85 of ft21k, large 0.9 (official {@code layer_decay_rate}). tiny: chosen here
 * @param adamBeta1 decay of the gradient's average: 0.9 (official {@code betas})
 * @param adamBeta2 decay of the squared gradient's average: 0.999 (official {@code betas})
 * @param adamEps 1e-8 (PyTorch's default)
 * @param weightDecay 0.05 (official {@code weight_decay})
 * @param clipNorm largest norm of the gradient: 0, no clipping
 * @param steps optimizer steps: 160,000 (official {@code max_iters}). tiny: chosen here
 * @param epochs null: official runs count steps
 * @param batchSize images per step of one worker: 16, the official 8 GPUs with 2 each. tiny: chosen
 *     here
 * @param microBatch images that go through the network at once, whose statistics batch norms take:
 *     16, as the official synchronized norms see all GPUs
 * @param learningRate at which the linear fall begins, for the official batch: base 5e-5, large
 *     4e-5 of pt1k, 3e-5 of ft21k (official {@code lr}). tiny: chosen here
 * @param minLearningRate end of the fall: 0 (official {@code min_lr})
 * @param warmupSteps steps of the warm-up: 1500 (official {@code warmup_iters}). tiny: chosen here
 * @param warmupEpochs null: official runs count steps
 * @param checkpointEvery steps between checkpoints: chosen here; the official configs evaluate
 *     every 16,000
 */
public record SegmentationRecipe(
    int inputSize,
    int auxiliaryChannels,
    boolean reduceZeroLabel,
    double dropPath,
    double headDropout,
    double layerDecay,
    double adamBeta1,
    double adamBeta2,
    double adamEps,
    double weightDecay,
    double clipNorm,
    @Nullable Long steps,
    @Nullable Double epochs,
    int batchSize,
    MicroBatch microBatch,
    BatchRate learningRate,
    BatchRate minLearningRate,
    @Nullable Long warmupSteps,
    @Nullable Double warmupEpochs,
    long checkpointEvery)
    implements TrainingRecipe {

  /** For the backbone of the demo and a set made of the sample photographs. */
  public static final SegmentationRecipe TINY =
      new SegmentationRecipe(
          /* inputSize= */ 96,
          /* auxiliaryChannels= */ 64,
          /* reduceZeroLabel= */ true,
          /* dropPath= */ 0.1,
          /* headDropout= */ 0.1,
          /* layerDecay= */ 0.85,
          /* adamBeta1= */ 0.9,
          /* adamBeta2= */ 0.999,
          /* adamEps= */ 1e-8,
          /* weightDecay= */ 0.05,
          /* clipNorm= */ 0,
          /* steps= */ 300L,
          /* epochs= */ null,
          /* batchSize= */ 16,
          /* microBatch= */ new MicroBatch(16, 16),
          /* learningRate= */ new BatchRate(5e-4, 16),
          /* minLearningRate= */ new BatchRate(0, 16),
          /* warmupSteps= */ 30L,
          /* warmupEpochs= */ null,
          /* checkpointEvery= */ 100);

  /** The recipes by the name of their preset. */
  public static final Map<String, SegmentationRecipe> PRESETS =
      Presets.inOrder(
          Map.entry("tiny", TINY),
          Map.entry("base-pt1k", official(5e-5, 0.75, 0.15)),
          Map.entry("base-ft21k", official(5e-5, 0.85, 0.15)),
          Map.entry("large-pt1k", official(4e-5, 0.9, 0.2)),
          Map.entry("large-ft21k", official(3e-5, 0.9, 0.2)));

  private static SegmentationRecipe official(
      double learningRate, double layerDecay, double dropPath) {
    return new SegmentationRecipe(
        /* inputSize= */ 512,
        /* auxiliaryChannels= */ 256,
        /* reduceZeroLabel= */ true,
        /* dropPath= */ dropPath,
        /* headDropout= */ 0.1,
        /* layerDecay= */ layerDecay,
        /* adamBeta1= */ 0.9,
        /* adamBeta2= */ 0.999,
        /* adamEps= */ 1e-8,
        /* weightDecay= */ 0.05,
        /* clipNorm= */ 0,
        /* steps= */ 160_000L,
        /* epochs= */ null,
        /* batchSize= */ 16,
        /* microBatch= */ new MicroBatch(16, 16),
        /* learningRate= */ new BatchRate(learningRate, 16),
        /* minLearningRate= */ new BatchRate(0, 16),
        /* warmupSteps= */ 1500L,
        /* warmupEpochs= */ null,
        /* checkpointEvery= */ 4000);
  }

  /**
   * The recipe of a preset.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public static SegmentationRecipe of(String preset) {
    return Presets.get(PRESETS, preset);
  }

  /** The optimizer. */
  public AdamWConfig optimizer() {
    return new AdamWConfig(adamBeta1, adamBeta2, adamEps, weightDecay, clipNorm);
  }
}
