package dev.beit2.model.recipe;

import dev.beit2.model.train.AdamWConfig;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * How a pretrained backbone is fine-tuned as a classifier (paper, section 4.1 and appendix;
 * official {@code run_class_finetuning.py}, and the commands and bullet points of {@code
 * get_started_for_image_classification.md}). A component that is also an option of {@code ./beit2
 * finetune} has the option's name.
 *
 * <p>The presets are named after the backbone: its size, and whether it was pretrained for 1600 or
 * 300 epochs ({@code pt1600}, {@code pt300}) or is fine-tuned on ImageNet-21k already ({@code
 * ft21k}). The presets {@code to21k} fine-tune a pretrained backbone on ImageNet-21k.
 *
 * @param useCls whether the head sees [CLS] instead of the mean of the patches: false (official
 *     {@code --use_cls} turns it on)
 * @param dropPath rate of stochastic depth in the last block. base: 0.2 of pt1600, 0.1 of pt300,
 *     ft21k and to21k. large: 0.2 of pt1600, pt300 and to21k, 0.25 of ft21k (official {@code
 *     drop_path}). tiny: chosen here
 * @param layerDecay factor from a layer's learning rate to that of the layer below it. base: 0.6 of
 *     pt1600, 0.65 of pt300, 0.75 of ft21k and to21k. large: 0.8; to21k 0.75, the command for base
 *     (official {@code layer_decay}). tiny: chosen here
 * @param labelSmoothing part of each target that all classes share: 0.1 (official {@code
 *     smoothing})
 * @param mixup both parameters of the Beta distribution that mixup draws weights from; 0: no mixup.
 *     0.8; ft21k 0 (official {@code mixup})
 * @param cutmix the same of cutmix: 1; ft21k 0 (official {@code cutmix})
 * @param mixedImages images that share a draw of mixup or cutmix. base: 128, large: 64, the
 *     official batch of a GPU. tiny: chosen here
 * @param randomErasing probability of random erasing: 0.25 (official {@code reprob}). tiny: 0.25
 * @param randAugment mean magnitude of RandAugment: 9 (official {@code aa}, {@code
 *     rand-m9-mstd0.5-inc1}). tiny: 9
 * @param minCropScale smallest fraction of an image's area that a random crop keeps: 0.08 (timm's
 *     {@code RandomResizedCropAndInterpolation}). tiny: chosen here
 * @param adamBeta1 decay of the gradient's average: 0.9 (official {@code opt_betas}, PyTorch's
 *     default)
 * @param adamBeta2 decay of the squared gradient's average: 0.999 (as {@code adamBeta1})
 * @param adamEps 1e-8 (official {@code opt_eps})
 * @param weightDecay 0.05 (official {@code weight_decay})
 * @param clipNorm largest norm of the gradient: 0, no clipping (official {@code clip_grad})
 * @param steps optimizer steps; null if {@code epochs} are given. tiny: chosen here
 * @param epochs passes over the images; null if {@code steps} are given. base: 100; ft21k 30; to21k
 *     90. large: 50; ft21k 20; to21k 90 (official {@code epochs})
 * @param batchSize images per step of one worker: 1024; to21k 4096 (official commands, all GPUs).
 *     tiny: chosen here
 * @param microBatch images that go through the network at once: chosen here; official commands have
 *     128 (base) and 64 (large) per GPU
 * @param learningRate peak of the schedule, for the official batch. base: 5e-4; ft21k 5e-5; to21k
 *     6e-4. large: 2e-4 of pt1600, 5e-4 of pt300, 7e-5 of ft21k, 6e-4 of to21k (official {@code
 *     lr}, which the script does not scale by the batch). tiny: chosen here
 * @param minLearningRate end of the cosine, for the official batch: 1e-6 (official {@code min_lr})
 * @param warmupSteps steps of the warm-up, from 0 (official {@code utils.cosine_scheduler}); null
 *     if {@code warmupEpochs} are given. tiny: chosen here
 * @param warmupEpochs passes over the images in the warm-up; null if {@code warmupSteps} are given.
 *     base: 20. large: 5; to21k 20 (official {@code warmup_epochs})
 * @param checkpointEvery steps between checkpoints: chosen here, since the official scripts count
 *     epochs
 */
public record FineTuningRecipe(
    boolean useCls,
    double dropPath,
    double layerDecay,
    double labelSmoothing,
    double mixup,
    double cutmix,
    int mixedImages,
    double randomErasing,
    double randAugment,
    double minCropScale,
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

  /** For the backbone of the demo and the sample photographs. */
  public static final FineTuningRecipe TINY =
      new FineTuningRecipe(
          /* useCls= */ false,
          /* dropPath= */ 0.1,
          /* layerDecay= */ 0.75,
          /* labelSmoothing= */ 0.1,
          /* mixup= */ 0.8,
          /* cutmix= */ 1,
          /* mixedImages= */ 2,
          /* randomErasing= */ 0.25,
          /* randAugment= */ 9,
          /* minCropScale= */ 0.2,
          /* adamBeta1= */ 0.9,
          /* adamBeta2= */ 0.999,
          /* adamEps= */ 1e-8,
          /* weightDecay= */ 0.05,
          /* clipNorm= */ 0,
          /* steps= */ 300L,
          /* epochs= */ null,
          /* batchSize= */ 32,
          /* microBatch= */ new MicroBatch(32, 32),
          /* learningRate= */ new BatchRate(1e-3, 32),
          /* minLearningRate= */ new BatchRate(1e-6, 32),
          /* warmupSteps= */ 50L,
          /* warmupEpochs= */ null,
          /* checkpointEvery= */ 100);

  /** The recipes by the name of their preset. */
  public static final Map<String, FineTuningRecipe> PRESETS =
      Presets.inOrder(
          Map.entry("tiny", TINY),
          Map.entry("base-pt1600", base(100, 20, 1024, 5e-4, 0.6, 0.2, true)),
          Map.entry("base-pt300", base(100, 20, 1024, 5e-4, 0.65, 0.1, true)),
          Map.entry("base-ft21k", base(30, 20, 1024, 5e-5, 0.75, 0.1, false)),
          Map.entry("base-to21k", base(90, 20, 4096, 6e-4, 0.75, 0.1, true)),
          Map.entry("large-pt1600", large(50, 5, 1024, 2e-4, 0.8, 0.2, true)),
          Map.entry("large-pt300", large(50, 5, 1024, 5e-4, 0.8, 0.2, true)),
          Map.entry("large-ft21k", large(20, 5, 1024, 7e-5, 0.8, 0.25, false)),
          Map.entry("large-to21k", large(90, 20, 4096, 6e-4, 0.75, 0.2, true)));

  private static FineTuningRecipe base(
      double epochs,
      double warmupEpochs,
      int batchSize,
      double learningRate,
      double layerDecay,
      double dropPath,
      boolean mixes) {
    return official(
        epochs,
        warmupEpochs,
        batchSize,
        learningRate,
        layerDecay,
        dropPath,
        mixes,
        128,
        new MicroBatch(16, 128));
  }

  private static FineTuningRecipe large(
      double epochs,
      double warmupEpochs,
      int batchSize,
      double learningRate,
      double layerDecay,
      double dropPath,
      boolean mixes) {
    return official(
        epochs,
        warmupEpochs,
        batchSize,
        learningRate,
        layerDecay,
        dropPath,
        mixes,
        64,
        new MicroBatch(8, 32));
  }

  private static FineTuningRecipe official(
      double epochs,
      double warmupEpochs,
      int batchSize,
      double learningRate,
      double layerDecay,
      double dropPath,
      boolean mixes,
      int mixedImages,
      MicroBatch microBatch) {
    return new FineTuningRecipe(
        /* useCls= */ false,
        /* dropPath= */ dropPath,
        /* layerDecay= */ layerDecay,
        /* labelSmoothing= */ 0.1,
        /* mixup= */ mixes ? 0.8 : 0,
        /* cutmix= */ mixes ? 1 : 0,
        /* mixedImages= */ mixedImages,
        /* randomErasing= */ 0.25,
        /* randAugment= */ 9,
        /* minCropScale= */ 0.08,
        /* adamBeta1= */ 0.9,
        /* adamBeta2= */ 0.999,
        /* adamEps= */ 1e-8,
        /* weightDecay= */ 0.05,
        /* clipNorm= */ 0,
        /* steps= */ null,
        /* epochs= */ epochs,
        /* batchSize= */ batchSize,
        /* microBatch= */ microBatch,
        /* learningRate= */ new BatchRate(learningRate, batchSize),
        /* minLearningRate= */ new BatchRate(1e-6, batchSize),
        /* warmupSteps= */ null,
        /* warmupEpochs= */ warmupEpochs,
        /* checkpointEvery= */ 250);
  }

  /**
   * The recipe of a preset.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public static FineTuningRecipe of(String preset) {
    return Presets.get(PRESETS, preset);
  }

  /** The optimizer. */
  public AdamWConfig optimizer() {
    return new AdamWConfig(adamBeta1, adamBeta2, adamEps, weightDecay, clipNorm);
  }
}
