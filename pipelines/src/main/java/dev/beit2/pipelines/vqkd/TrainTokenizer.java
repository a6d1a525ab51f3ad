package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.pipelines.cli.ByPreset;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.OneOf;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.train.TrainingJobs;
import dev.beit2.pipelines.train.TrainingOptions;
import dev.beit2.pipelines.train.TrainingPlan;
import java.io.IOException;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** Trains a VQ-KD tokenizer (paper, section 3.1) on images. */
public final class TrainTokenizer {
  public static final String NAME = "train-tokenizer";

  public static final Command<Options> COMMAND =
      new Command<>(
          NAME,
          "Trains a tokenizer by vector-quantized knowledge distillation (VQ-KD): pictures become one code a patch, "
              + "chosen so that a teacher's features can be told from the codes.",
          Options.class,
          1,
          options -> {
            run(options, NAME);
            return CommandLine.OK;
          });

  private TrainTokenizer() {}

  /** The options of {@code ./beit2 train-tokenizer}. */
  public interface Options extends TrainingOptions, ImageSourceOptions {
    @Description(
        "Images: a folder, an archive, or several by a glob or braces, NAME-{000..127}.tar; see --format. What is not "
            + "decodable is left out and listed in OUTPUT/rejected.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description("What is distilled. hog: histograms of oriented gradients, which need no weights.")
    @Default.String("hog")
    @OneOf("hog")
    String getTeacher();

    void setTeacher(String teacher);

    @Description(
        "tiny: 4 blocks of width 192 on 96 pixels, for a laptop. base: the paper's ViT-B/16.")
    @Default.String("base")
    @OneOf({"tiny", "base"})
    @Override
    String getPreset();

    @Override
    void setPreset(String preset);

    @Description("Optimizer steps; instead of --epochs.")
    @ByPreset(tiny = "150", insteadOf = "epochs")
    @Range(min = 1)
    @Override
    Long getSteps();

    @Override
    void setSteps(Long steps);

    @Description("Passes over the images; instead of --steps.")
    @ByPreset(base = "100", insteadOf = "steps")
    @Range(min = 0.001)
    @Override
    Double getEpochs();

    @Override
    void setEpochs(Double epochs);

    @Description("Images a step.")
    @ByPreset(tiny = "32", base = "64")
    @Range(min = 1, max = 65536)
    @Override
    Integer getBatchSize();

    @Override
    void setBatchSize(Integer batchSize);

    @Description(
        "Peak learning rate, followed by a cosine to 1e-5. The paper's is 5e-5 at a batch of 512; scale it with yours.")
    @ByPreset(tiny = "5e-4", base = "6.25e-6")
    @Range(min = 0)
    @Override
    Double getLearningRate();

    @Override
    void setLearningRate(Double learningRate);

    @Description(
        "Steps in which the learning rate rises from 1e-6, at most half of all; instead of --warmupEpochs.")
    @ByPreset(tiny = "30", insteadOf = "warmupEpochs")
    @Range(min = 0)
    @Override
    Long getWarmupSteps();

    @Override
    void setWarmupSteps(Long warmupSteps);

    @Description("The same in passes over the images; instead of --warmupSteps.")
    @ByPreset(base = "10", insteadOf = "warmupSteps")
    @Range(min = 0)
    @Override
    Double getWarmupEpochs();

    @Override
    void setWarmupEpochs(Double warmupEpochs);

    @Description(
        "Steps between checkpoints; the last step always ends in one. Several workers average then; instead of --localSteps.")
    @ByPreset(tiny = "50", base = "1000", insteadOf = "localSteps")
    @Range(min = 1)
    @Override
    Long getCheckpointEvery();

    @Override
    void setCheckpointEvery(Long checkpointEvery);

    @Description("Codes.")
    @ByPreset(tiny = "256", base = "8192")
    @Range(min = 2, max = 1048576)
    Integer getCodebookSize();

    void setCodebookSize(Integer codebookSize);

    @Description("Width of a code's vector.")
    @Default.Integer(32)
    @Range(min = 1, max = 4096)
    int getCodeDimension();

    void setCodeDimension(int codeDimension);

    @Description(
        "How slowly codes move, a step: the decay of their moving average. Small batches need a lower one.")
    @ByPreset(tiny = "0.9", base = "0.99")
    @Range(min = 0, max = 1)
    Double getCodebookDecay();

    void setCodebookDecay(Double codebookDecay);

    @Description(
        "Batches after which a code that no patch was nearest to is placed anew; 0 = never, as in the paper's recipe. "
            + "Left out: 10 below 100000 images, else 0.")
    @Range(min = 0)
    Integer getReviveDeadCodesAfter();

    void setReviveDeadCodesAfter(Integer batches);

    @Description("Smallest share of a picture's area that a random crop keeps.")
    @ByPreset(tiny = "0.2", base = "0.08")
    @Range(min = 0.001, max = 1)
    Double getMinCropScale();

    void setMinCropScale(Double minCropScale);
  }

  /** {@code ./beit2 train-tokenizer}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage what progress is told as
   */
  public static void run(Options options, String stage) throws IOException, InterruptedException {
    ImageDataset images = VqKdTraining.images(options);
    TrainingPlan plan = VqKdTraining.plan(options, images);
    ClassNames.write(plan.output(), images.classes());
    try (VqKdTraining.Indexed indexed = VqKdTraining.Indexed.keep(options, images)) {
      TrainingJobs.run(
          stage, plan, options, (o, from) -> VqKdTraining.open(o.as(Options.class), from));
    }
  }
}
