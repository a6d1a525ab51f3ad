package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.tokenizer.CodebookUpdate;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.OnlyWith;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.train.InputSizeOptions;
import dev.beit2.pipelines.train.TrainingJobs;
import dev.beit2.pipelines.train.TrainingOptions;
import java.io.IOException;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** Trains a tokenizer by vector-quantized knowledge distillation (paper, section 3.1). */
public final class TrainTokenizer {
  public static final String NAME = "train-tokenizer";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "images -> tokenizer (VQ-KD)",
              "Trains a tokenizer by vector-quantized knowledge distillation (VQ-KD): images become one code per patch, "
                  + "such that a teacher's features can be predicted from the codes.",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withPresets(TokenizerRecipe.PRESETS)
          .refusing(TrainingOptions.SET_BY_TRAINING)
          .withTemplate(TrainingOptions.NOT_IN_TEMPLATES);

  private TrainTokenizer() {}

  /** The options of {@code ./beit2 train-tokenizer}. */
  public interface Options
      extends TrainingOptions, InputSizeOptions, ImageSourceOptions, TeacherOptions {
    @Description(
        "Images: a folder, an archive, or several files by a glob or braces, NAME-{000..127}.tar; see --format. Images "
            + "that cannot be decoded are left out and listed in OUTPUT/rejected.")
    @Validation.Required
    @Location(Location.Kind.INPUT)
    String getInput();

    void setInput(String input);

    @Description(
        "Images that measure each checkpoint: reconstruction loss, codes in use and perplexity over all of them. Left "
            + "out: none.")
    @Location(Location.Kind.INPUT)
    String getValidation();

    void setValidation(String validation);

    @Description(
        "The teacher that is distilled. hog: histograms of oriented gradients, which need no weights. clip:FILE: CLIP's image "
            + "tower (OpenAI's ViT-B-16.pt, OpenCLIP, Hugging Face). dino:FILE: DINO (dino_vitbase16_pretrain.pth, Hugging "
            + "Face). torchscript:FILE: a program that makes [B, N, D] of images [B, 3, S, S], in its own precision.")
    @Default.String("hog")
    @Location(
        value = Location.Kind.INPUT,
        prefixes = {"clip:", "dino:", "torchscript:"},
        needsPrefix = true,
        words = "hog")
    String getTeacher();

    void setTeacher(String teacher);

    @Description(
        "tiny: 4 blocks of width 192 on 96 pixels, for a laptop. base: the paper's ViT-B/16.")
    @Default.String("base")
    String getPreset();

    void setPreset(String preset);

    @Description("Size of the codebook.")
    @Range(min = 2, max = 1048576)
    Integer getCodebookSize();

    void setCodebookSize(Integer codebookSize);

    @Description("Width of a code's vector.")
    @Range(min = 1, max = 4096)
    Integer getCodeDimension();

    void setCodeDimension(Integer codeDimension);

    @Description("Blocks of the decoder; the official tokenizers have 1 or 3.")
    @Range(min = 1, max = 1000)
    Integer getDecoderDepth();

    void setDecoderDepth(Integer decoderDepth);

    @Description("Weight of the commitment loss.")
    @Range(min = 0)
    Double getCommitmentWeight();

    void setCommitmentWeight(Double commitmentWeight);

    @Description(
        "How the codebook learns. ema: by a moving average of the vectors assigned to each code, as in the official code. "
            + "gradient: by the paper's codebook loss and the optimizer.")
    CodebookUpdate getCodebookUpdate();

    void setCodebookUpdate(CodebookUpdate codebookUpdate);

    @Description("Decay of the codebook's moving average per step. Small batches need a lower one.")
    @Range(min = 0, max = 1)
    @OnlyWith(option = "codebookUpdate", values = "ema")
    Double getCodebookDecay();

    void setCodebookDecay(Double codebookDecay);

    @Description(
        "Batches after which a code that was nearest to no patch is revived: replaced by a vector of the batch. 0 means "
            + "never, as in the official recipe. Left out: 10 below 100000 images, otherwise 0.")
    @Range(min = 0)
    Integer getReviveDeadCodesAfter();

    void setReviveDeadCodesAfter(Integer batches);

    @Description("Smallest fraction of an image's area that a random crop keeps.")
    @Range(min = 0.001, max = 1)
    Double getMinCropScale();

    void setMinCropScale(Double minCropScale);

    @Description("Strength of the images' colour jitter: brightness, contrast and saturation.")
    @Range(min = 0, max = 1)
    Double getColorJitter();

    void setColorJitter(Double colorJitter);
  }

  /** {@code ./beit2 train-tokenizer}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage name of the run in progress lines
   */
  public static void run(Options options, String stage) throws IOException, InterruptedException {
    ImageSource source = Inputs.source("--input", options.getInput(), options);
    try (SharedInJvm<ImageDataset> images = VqKdSpec.list(source)) {
      VqKdSpec spec = VqKdSpec.of(options, stage, source, images.get().size());
      // Before anything else is written: the folder may be another run's.
      spec.plan().config().begin(options.getOutput());
      Inputs.printNote(stage, images.get().note());
      ClassNames.write(options.getOutput(), images.get().classes());
      TrainingJobs.run(spec, options);
    }
  }
}
