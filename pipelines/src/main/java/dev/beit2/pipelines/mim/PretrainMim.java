package dev.beit2.pipelines.mim;

import dev.beit2.pipelines.cli.ByPreset;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.OneOf;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.train.TrainingJobs;
import dev.beit2.pipelines.train.TrainingOptions;
import dev.beit2.pipelines.train.TrainingPlan;
import java.io.IOException;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/**
 * Pretrains a masked image model with patch aggregation (paper, sections 3.2 and 3.3) from MIM
 * shards.
 */
public final class PretrainMim {
  public static final String NAME = "pretrain";

  public static final Command<Options> COMMAND =
      new Command<>(
          NAME,
          "Pretrains a vision transformer by masked image modelling: it learns to name the codes of patches that it "
              + "cannot see, from the last layer and, by way of [CLS], from an early one (patch aggregation).",
          Options.class,
          1,
          options -> {
            run(options, NAME);
            return CommandLine.OK;
          });

  private PretrainMim() {}

  /** The options of {@code ./beit2 pretrain}. */
  public interface Options extends TrainingOptions {
    @Description("Shards written by ./beit2 tokenize.")
    @Validation.Required
    String getShards();

    void setShards(String shards);

    @Description(
        "The tokenizer that the shards have to be made by: a run of ./beit2 train-tokenizer, or one of its checkpoints. "
            + "Left out: any.")
    String getTokenizer();

    void setTokenizer(String tokenizer);

    @Description(
        "tiny: 6 blocks of width 192 on 96 pixels, for a laptop. base and large: the paper's ViT-B/16 and ViT-L/16.")
    @Default.String("base")
    @OneOf({"tiny", "base", "large"})
    @Override
    String getPreset();

    @Override
    void setPreset(String preset);

    @Description("Optimizer steps; instead of --epochs.")
    @ByPreset(tiny = "700", insteadOf = "epochs")
    @Range(min = 1)
    @Override
    Long getSteps();

    @Override
    void setSteps(Long steps);

    @Description("Passes over the images; instead of --steps.")
    @ByPreset(base = "300", large = "300", insteadOf = "steps")
    @Range(min = 0.001)
    @Override
    Double getEpochs();

    @Override
    void setEpochs(Double epochs);

    @Description("Images a step.")
    @ByPreset(tiny = "32", base = "64", large = "64")
    @Range(min = 1, max = 65536)
    @Override
    Integer getBatchSize();

    @Override
    void setBatchSize(Integer batchSize);

    @Description(
        "Peak learning rate, followed by a cosine to 1e-5. The paper's is 1.5e-3 at a batch of 2048; scale it with "
            + "yours.")
    @ByPreset(tiny = "1.5e-3", base = "4.7e-5", large = "4.7e-5")
    @Range(min = 0)
    @Override
    Double getLearningRate();

    @Override
    void setLearningRate(Double learningRate);

    @Description(
        "Steps in which the learning rate rises from 1e-6, at most half of all; instead of --warmupEpochs.")
    @ByPreset(tiny = "50", insteadOf = "warmupEpochs")
    @Range(min = 0)
    @Override
    Long getWarmupSteps();

    @Override
    void setWarmupSteps(Long warmupSteps);

    @Description("The same in passes over the images; instead of --warmupSteps.")
    @ByPreset(base = "10", large = "10", insteadOf = "warmupSteps")
    @Range(min = 0)
    @Override
    Double getWarmupEpochs();

    @Override
    void setWarmupEpochs(Double warmupEpochs);

    @Description(
        "Steps between checkpoints; the last step always ends in one. Several workers average then; instead of --localSteps.")
    @ByPreset(tiny = "100", base = "1000", large = "1000", insteadOf = "localSteps")
    @Range(min = 1)
    @Override
    Long getCheckpointEvery();

    @Override
    void setCheckpointEvery(Long checkpointEvery);

    @Description(
        "Whether a shard that is missing or corrupt is left out, as far as it cannot be read, counted, and listed "
            + "among the rejected images; otherwise it ends the run.")
    @Default.Boolean(false)
    boolean getSkipCorruptShards();

    void setSkipCorruptShards(boolean skipCorruptShards);

    @Description("Patches of a view that are masked, in blocks.")
    @ByPreset(tiny = "14", base = "75", large = "75")
    @Range(min = 1)
    Integer getMaskedPatches();

    void setMaskedPatches(Integer maskedPatches);

    @Description(
        "Stochastic depth's rate in the last block. The paper has 0 for 300 epochs, 0.1 for 1600.")
    @Default.Double(0)
    @Range(min = 0, max = 0.9)
    double getDropPath();

    void setDropPath(double dropPath);

    @Description(
        "Decay of the squared gradient's average. The paper has 0.98 for 300 epochs, 0.999 for 1600.")
    @Default.Double(0.98)
    @Range(min = 0, max = 0.99999)
    double getAdamBeta2();

    void setAdamBeta2(double adamBeta2);
  }

  /** {@code ./beit2 pretrain}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage what progress is told as
   */
  public static void run(Options options, String stage) throws IOException, InterruptedException {
    TrainingPlan plan = MimTraining.plan(options, MimTraining.shards(options));
    TrainingJobs.run(
        stage, plan, options, (o, from) -> MimTraining.open(o.as(Options.class), from));
  }
}
