package dev.beit2.model.recipe;

import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * How a masked image model is pretrained with patch aggregation (paper, sections 3.2 and 3.3 and
 * appendix; official {@code run_beitv2_pretraining.py} and {@code modeling_pretrain.py}). A
 * component that is also an option of {@code ./beit2 pretrain} has the option's name.
 *
 * @param backbone the transformer, with one relative position bias for all blocks. base and large:
 *     ViT-B/16 with layer scale 0.1 and ViT-L/16 with layer scale 1e-5 (paper, appendix). tiny:
 *     chosen for the demo
 * @param earlyLayers blocks before the patch tokens leave for patch aggregation: base 9, large 21
 *     (official {@code early_layers}). tiny: chosen for the demo
 * @param headLayers blocks of patch aggregation: 2 (official {@code head_layers})
 * @param sharedHead whether both losses share one norm and head: true, the better of the two in the
 *     paper
 * @param dropPath rate of stochastic depth in the last block: 0 for 300 epochs; 0.1 for 1600 epochs
 *     (paper, appendix)
 * @param maskedPatches patches of a view that are masked. base and large: 75 of 196 (official
 *     {@code num_mask_patches}). tiny: the same fraction of 36
 * @param minBlockPatches smallest area of a masked block, in patches. base and large: 16 (official
 *     {@code min_mask_patches_per_block}). tiny: chosen for the demo
 * @param maxBlockPatches largest area of a masked block, in patches; null: all masked patches
 *     (official {@code max_mask_patches_per_block})
 * @param minBlockAspect smallest aspect ratio of a masked block; the largest is its inverse: 0.3
 *     (official {@code masking_generator.py})
 * @param adamBeta1 decay of the gradient's average: 0.9 (paper, appendix)
 * @param adamBeta2 decay of the squared gradient's average: 0.98 for 300 epochs; 0.999 for 1600
 *     epochs (paper, appendix)
 * @param adamEps 1e-8 (paper, appendix)
 * @param weightDecay 0.05 (paper, appendix)
 * @param clipNorm largest norm of the gradient: 3 (paper, appendix)
 * @param steps optimizer steps; null if {@code epochs} are given. tiny: chosen for the demo
 * @param epochs passes over the images; null if {@code steps} are given. base and large: 300
 *     (paper, appendix)
 * @param batchSize images per step of one worker. base and large: 2048 (paper, appendix). tiny:
 *     chosen for the demo
 * @param microBatch images that go through the network at once: chosen here; official scripts have
 *     128 (base) and 32 (large) per GPU
 * @param learningRate peak of the schedule. base and large: 1.5e-3 for 2048 images (paper,
 *     appendix). tiny: chosen for the demo
 * @param minLearningRate end of the cosine. base and large: 1e-5 for 2048 images (paper, appendix)
 * @param warmupSteps steps of the warm-up, from 0 (official {@code utils.cosine_scheduler}, whose
 *     {@code warmup_lr} is not passed on); null if {@code warmupEpochs} are given
 * @param warmupEpochs passes over the images in the warm-up; null if {@code warmupSteps} are given.
 *     base and large: 10 (paper, appendix)
 * @param checkpointEvery steps between checkpoints: chosen here, since the official scripts count
 *     epochs
 */
public record PretrainingRecipe(
    VitConfig backbone,
    int earlyLayers,
    int headLayers,
    boolean sharedHead,
    double dropPath,
    int maskedPatches,
    int minBlockPatches,
    @Nullable Integer maxBlockPatches,
    double minBlockAspect,
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

  /**
   * Smallest fraction of an image's area that the random crop of a view keeps (official {@code
   * datasets.py}). The views are drawn when the images are tokenized, whatever the preset.
   */
  public static final double MIN_CROP_SCALE = 0.2;

  /** Strength of a view's colour jitter: brightness, contrast, saturation (paper, appendix). */
  public static final double COLOR_JITTER = 0.4;

  /** 6 blocks of width 192 on 96 × 96 pixels: learns from 260 photographs in minutes. */
  public static final PretrainingRecipe TINY =
      new PretrainingRecipe(
          /* backbone= */ new VitConfig(96, 16, 3, 192, 6, 3, 4, Positions.SHARED_RELATIVE, 0.1, 0),
          /* earlyLayers= */ 4,
          /* headLayers= */ 2,
          /* sharedHead= */ true,
          /* dropPath= */ 0,
          /* maskedPatches= */ 14,
          /* minBlockPatches= */ 4,
          /* maxBlockPatches= */ null,
          /* minBlockAspect= */ 0.3,
          /* adamBeta1= */ 0.9,
          /* adamBeta2= */ 0.98,
          /* adamEps= */ 1e-8,
          /* weightDecay= */ 0.05,
          /* clipNorm= */ 3,
          /* steps= */ 700L,
          /* epochs= */ null,
          /* batchSize= */ 32,
          /* microBatch= */ new MicroBatch(32, 32),
          /* learningRate= */ new BatchRate(1.5e-3, 32),
          /* minLearningRate= */ new BatchRate(1e-5, 32),
          /* warmupSteps= */ 50L,
          /* warmupEpochs= */ null,
          /* checkpointEvery= */ 100);

  /** The paper's ViT-B/16. */
  public static final PretrainingRecipe BASE =
      paper(
          new VitConfig(224, 16, 3, 768, 12, 12, 4, Positions.SHARED_RELATIVE, 0.1, 0),
          9,
          new MicroBatch(16, 128));

  /** The paper's ViT-L/16. */
  public static final PretrainingRecipe LARGE =
      paper(
          new VitConfig(224, 16, 3, 1024, 24, 16, 4, Positions.SHARED_RELATIVE, 1e-5, 0),
          21,
          new MicroBatch(8, 32));

  private static PretrainingRecipe paper(
      VitConfig backbone, int earlyLayers, MicroBatch microBatch) {
    return new PretrainingRecipe(
        /* backbone= */ backbone,
        /* earlyLayers= */ earlyLayers,
        /* headLayers= */ 2,
        /* sharedHead= */ true,
        /* dropPath= */ 0,
        /* maskedPatches= */ 75,
        /* minBlockPatches= */ 16,
        /* maxBlockPatches= */ null,
        /* minBlockAspect= */ 0.3,
        /* adamBeta1= */ 0.9,
        /* adamBeta2= */ 0.98,
        /* adamEps= */ 1e-8,
        /* weightDecay= */ 0.05,
        /* clipNorm= */ 3,
        /* steps= */ null,
        /* epochs= */ 300.0,
        /* batchSize= */ 2048,
        /* microBatch= */ microBatch,
        /* learningRate= */ new BatchRate(1.5e-3, 2048),
        /* minLearningRate= */ new BatchRate(1e-5, 2048),
        /* warmupSteps= */ null,
        /* warmupEpochs= */ 10.0,
        /* checkpointEvery= */ 100);
  }

  /** The recipes by the name of their preset. */
  public static final Map<String, PretrainingRecipe> PRESETS =
      Presets.inOrder(Map.entry("tiny", TINY), Map.entry("base", BASE), Map.entry("large", LARGE));

  /**
   * The recipe of a preset.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public static PretrainingRecipe of(String preset) {
    return Presets.get(PRESETS, preset);
  }

  /**
   * The network.
   *
   * @param vocabulary codes to predict: the tokenizer's codebook size
   */
  public MimConfig network(int vocabulary) {
    return new MimConfig(
        backbone.withDropPath(dropPath), vocabulary, earlyLayers, headLayers, sharedHead);
  }

  /** The optimizer. */
  public AdamWConfig optimizer() {
    return new AdamWConfig(adamBeta1, adamBeta2, adamEps, weightDecay, clipNorm);
  }

  /** Draws the masks of views. */
  public BlockwiseMask mask() {
    return new BlockwiseMask(
        backbone.grid(),
        maskedPatches,
        minBlockPatches,
        maxBlockPatches == null ? Math.max(maskedPatches, minBlockPatches) : maxBlockPatches,
        minBlockAspect);
  }

  /** Side of the input in pixels. */
  public int inputSize() {
    return backbone.imageSize();
  }

  /** Side of a patch in pixels. */
  public int patchSize() {
    return backbone.patchSize();
  }

  /** Initial value of layer scale. */
  public double layerScale() {
    return backbone.layerScale();
  }
}
