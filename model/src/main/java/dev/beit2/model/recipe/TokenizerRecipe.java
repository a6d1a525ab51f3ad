package dev.beit2.model.recipe;

import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * How a tokenizer is trained by vector-quantized knowledge distillation (paper, section 3.1 and
 * appendix; official {@code run_vqkd_training.py} and {@code modeling_vqkd.py}). A component that
 * is also an option of {@code ./beit2 train-tokenizer} has the option's name.
 *
 * @param encoder base: ViT-B/16 on 224 × 224 pixels (official {@code vqkd_encoder_base_*}). tiny:
 *     chosen for the demo
 * @param decoderDepth blocks of the decoder, whose width is the encoder's. base: 3 (official {@code
 *     decoder_3x768x12}). tiny: chosen for the demo
 * @param codebookSize codes, K. base: 8192 (paper, section 3.1). tiny: chosen for the demo
 * @param codeDimension width of a code, C: 32 (paper, section 3.1)
 * @param codebookDecay of the codebook's moving average per step. base: 0.99 (official {@code
 *     NormEMAVectorQuantizer}). tiny: 0.9, because its batches have far fewer patches
 * @param commitmentWeight of the commitment loss: 1 (official {@code beta})
 * @param optimizer AdamW with betas 0.9 and 0.99, weight decay 1e-4, no clipping (official script)
 * @param steps optimizer steps; null if {@code epochs} are given. tiny: chosen for the demo
 * @param epochs passes over the images; null if {@code steps} are given. base: 100 (official
 *     script)
 * @param batchSize images per step of one worker. base: 64; the official script has 512 in all
 * @param microBatch images that go through the network at once: chosen here; the official script
 *     has 64 per GPU
 * @param learningRate peak of the schedule. base: 5e-5 per 512 images of the batch; the official
 *     script has 5e-5 per 128 images. tiny: chosen for the demo
 * @param warmupFrom learning rate at the start of the warm-up: 1e-6. The official scripts start at
 *     0
 * @param minLearningRate end of the cosine: 1e-5 (official {@code min_lr})
 * @param warmupSteps steps of the warm-up; null if {@code warmupEpochs} are given
 * @param warmupEpochs passes over the images in the warm-up; null if {@code warmupSteps} are given.
 *     base: 10 (official script)
 * @param checkpointEvery steps between checkpoints: chosen here, since the official scripts count
 *     epochs
 * @param minCropScale smallest fraction of an image's area that a random crop keeps. base: 0.08
 *     (official {@code min_crop_scale}). tiny: chosen for the demo
 */
public record TokenizerRecipe(
    VitConfig encoder,
    int decoderDepth,
    int codebookSize,
    int codeDimension,
    double codebookDecay,
    double commitmentWeight,
    AdamWConfig optimizer,
    @Nullable Long steps,
    @Nullable Double epochs,
    int batchSize,
    MicroBatch microBatch,
    double learningRate,
    double warmupFrom,
    double minLearningRate,
    @Nullable Long warmupSteps,
    @Nullable Double warmupEpochs,
    long checkpointEvery,
    double minCropScale) {

  private static final AdamWConfig ADAMW = new AdamWConfig(0.9, 0.99, 1e-8, 1e-4, 0);

  /** 4 blocks of width 192 on 96 × 96 pixels: trains on a laptop in a minute. */
  public static final TokenizerRecipe TINY =
      new TokenizerRecipe(
          /* encoder= */ new VitConfig(96, 16, 3, 192, 4, 3, 4, Positions.ABSOLUTE, 0, 0),
          /* decoderDepth= */ 1,
          /* codebookSize= */ 256,
          /* codeDimension= */ 32,
          /* codebookDecay= */ 0.9,
          /* commitmentWeight= */ 1,
          /* optimizer= */ ADAMW,
          /* steps= */ 150L,
          /* epochs= */ null,
          /* batchSize= */ 32,
          /* microBatch= */ new MicroBatch(32, 32),
          /* learningRate= */ 5e-4,
          /* warmupFrom= */ 1e-6,
          /* minLearningRate= */ 1e-5,
          /* warmupSteps= */ 30L,
          /* warmupEpochs= */ null,
          /* checkpointEvery= */ 50,
          /* minCropScale= */ 0.2);

  /** The paper's ViT-B/16 with a codebook of 8192 codes. */
  public static final TokenizerRecipe BASE =
      new TokenizerRecipe(
          /* encoder= */ new VitConfig(224, 16, 3, 768, 12, 12, 4, Positions.ABSOLUTE, 0, 0),
          /* decoderDepth= */ 3,
          /* codebookSize= */ 8192,
          /* codeDimension= */ 32,
          /* codebookDecay= */ 0.99,
          /* commitmentWeight= */ 1,
          /* optimizer= */ ADAMW,
          /* steps= */ null,
          /* epochs= */ 100.0,
          /* batchSize= */ 64,
          /* microBatch= */ new MicroBatch(16, 64),
          /* learningRate= */ 6.25e-6,
          /* warmupFrom= */ 1e-6,
          /* minLearningRate= */ 1e-5,
          /* warmupSteps= */ null,
          /* warmupEpochs= */ 10.0,
          /* checkpointEvery= */ 1000,
          /* minCropScale= */ 0.08);

  /** The recipes by the name of their preset. */
  public static final Map<String, TokenizerRecipe> PRESETS =
      Presets.inOrder(Map.entry("tiny", TINY), Map.entry("base", BASE));

  /** The codebook is initialized by k-means on so many images, the official batch per GPU. */
  public static final int KMEANS_IMAGES = 64;

  /**
   * Below this number of images dead codes are revived by default: codebooks collapse on small data
   * sets.
   */
  public static final long FEW_IMAGES = 100_000;

  /** Steps without a vector after which a code is revived on a small data set. */
  public static final int REVIVE_AFTER_ON_FEW_IMAGES = 10;

  /**
   * The recipe of a preset.
   *
   * @throws IllegalArgumentException if there is none of this name
   */
  public static TokenizerRecipe of(String preset) {
    return Presets.get(PRESETS, preset);
  }

  /**
   * Steps without a vector after which a code is revived by default; 0 means never, as in the
   * official code.
   *
   * @param images of the data set
   */
  public static int reviveDeadCodesAfter(long images) {
    return images < FEW_IMAGES ? REVIVE_AFTER_ON_FEW_IMAGES : 0;
  }

  /**
   * The network with a codebook of another size. Dead codes are not revived.
   *
   * @param codes codebook size, K
   * @param dimension width of a code, C
   * @param teacherDimension width of the teacher's features
   */
  public VqKdConfig network(int codes, int dimension, int teacherDimension) {
    VitConfig decoder = encoder.withInput(encoder.grid(), 1, dimension).withDepth(decoderDepth);
    return new VqKdConfig(
        encoder, decoder, codes, dimension, teacherDimension, codebookDecay, commitmentWeight, 0);
  }
}
