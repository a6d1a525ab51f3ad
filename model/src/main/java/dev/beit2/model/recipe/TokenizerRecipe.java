package dev.beit2.model.recipe;

import dev.beit2.model.tokenizer.CodebookUpdate;
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
 * @param codebookUpdate by EMA (official {@code NormEMAVectorQuantizer})
 * @param commitmentWeight of the commitment loss: 1 (official {@code beta})
 * @param adamBeta1 decay of the gradient's average: 0.9 (official script's command)
 * @param adamBeta2 decay of the squared gradient's average: 0.99 (official script's command)
 * @param adamEps 1e-8 (official {@code opt_eps})
 * @param weightDecay 1e-4 (official {@code weight_decay})
 * @param clipNorm largest norm of the gradient: 0, no clipping (official {@code clip_grad})
 * @param steps optimizer steps; null if {@code epochs} are given. tiny: chosen for the demo
 * @param epochs passes over the images; null if {@code steps} are given. base: 100 (official
 *     script)
 * @param batchSize images per step of one worker. base: 512 (official script's command, all GPUs).
 *     tiny: chosen for the demo
 * @param microBatch images that go through the network at once: chosen here; the official script
 *     has 64 per GPU
 * @param learningRate peak of the schedule. base: 5e-5 per 128 images, so 2e-4 for 512 (official
 *     script, which multiplies {@code lr} by the batch over 128). tiny: chosen for the demo
 * @param minLearningRate end of the cosine. base: 1e-5 for 512 images (official {@code min_lr})
 * @param warmupSteps steps of the warm-up, from 0 (official {@code utils.cosine_scheduler}, whose
 *     {@code warmup_lr} is not passed on); null if {@code warmupEpochs} are given
 * @param warmupEpochs passes over the images in the warm-up; null if {@code warmupSteps} are given.
 *     base: 10 (official script)
 * @param checkpointEvery steps between checkpoints: chosen here, since the official scripts count
 *     epochs
 * @param minCropScale smallest fraction of an image's area that a random crop keeps. base: 0.08
 *     (official {@code min_crop_scale}). tiny: chosen for the demo
 * @param colorJitter strength of the jitter of brightness, contrast and saturation: 0 (official
 *     {@code color_jitter})
 */
public record TokenizerRecipe(
    VitConfig encoder,
    int decoderDepth,
    int codebookSize,
    int codeDimension,
    double codebookDecay,
    CodebookUpdate codebookUpdate,
    double commitmentWeight,
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
    long checkpointEvery,
    double minCropScale,
    double colorJitter)
    implements TrainingRecipe {

  /** 4 blocks of width 192 on 96 × 96 pixels: trains on a laptop in a minute. */
  public static final TokenizerRecipe TINY =
      new TokenizerRecipe(
          /* encoder= */ new VitConfig(96, 16, 3, 192, 4, 3, 4, Positions.ABSOLUTE, 0, 0),
          /* decoderDepth= */ 1,
          /* codebookSize= */ 256,
          /* codeDimension= */ 32,
          /* codebookDecay= */ 0.9,
          /* codebookUpdate= */ CodebookUpdate.EMA,
          /* commitmentWeight= */ 1,
          /* adamBeta1= */ 0.9,
          /* adamBeta2= */ 0.99,
          /* adamEps= */ 1e-8,
          /* weightDecay= */ 1e-4,
          /* clipNorm= */ 0,
          /* steps= */ 150L,
          /* epochs= */ null,
          /* batchSize= */ 32,
          /* microBatch= */ new MicroBatch(32, 32),
          /* learningRate= */ new BatchRate(5e-4, 32),
          /* minLearningRate= */ new BatchRate(1e-5, 32),
          /* warmupSteps= */ 30L,
          /* warmupEpochs= */ null,
          /* checkpointEvery= */ 50,
          /* minCropScale= */ 0.2,
          /* colorJitter= */ 0);

  /** The paper's ViT-B/16 with a codebook of 8192 codes. */
  public static final TokenizerRecipe BASE =
      new TokenizerRecipe(
          /* encoder= */ new VitConfig(224, 16, 3, 768, 12, 12, 4, Positions.ABSOLUTE, 0, 0),
          /* decoderDepth= */ 3,
          /* codebookSize= */ 8192,
          /* codeDimension= */ 32,
          /* codebookDecay= */ 0.99,
          /* codebookUpdate= */ CodebookUpdate.EMA,
          /* commitmentWeight= */ 1,
          /* adamBeta1= */ 0.9,
          /* adamBeta2= */ 0.99,
          /* adamEps= */ 1e-8,
          /* weightDecay= */ 1e-4,
          /* clipNorm= */ 0,
          /* steps= */ null,
          /* epochs= */ 100.0,
          /* batchSize= */ 512,
          /* microBatch= */ new MicroBatch(16, 64),
          /* learningRate= */ new BatchRate(5e-5, 128),
          /* minLearningRate= */ new BatchRate(1e-5, 512),
          /* warmupSteps= */ null,
          /* warmupEpochs= */ 10.0,
          /* checkpointEvery= */ 250,
          /* minCropScale= */ 0.08,
          /* colorJitter= */ 0);

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
   * The network. Dead codes are not revived.
   *
   * @param teacherDimension width of the teacher's features
   */
  public VqKdConfig network(int teacherDimension) {
    VitConfig decoder = encoder.withInput(encoder.grid(), 1, codeDimension).withDepth(decoderDepth);
    return new VqKdConfig(
        encoder,
        decoder,
        codebookSize,
        codeDimension,
        teacherDimension,
        codebookDecay,
        commitmentWeight,
        0);
  }

  /** The optimizer. */
  public AdamWConfig optimizer() {
    return new AdamWConfig(adamBeta1, adamBeta2, adamEps, weightDecay, clipNorm);
  }

  /** Side of the input in pixels. */
  public int inputSize() {
    return encoder.imageSize();
  }

  /** Side of a patch in pixels. */
  public int patchSize() {
    return encoder.patchSize();
  }
}
