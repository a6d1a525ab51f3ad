package dev.beit2.pipelines.mim;

import dev.beit2.io.shard.MimShards;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.train.InputSizeOptions;
import dev.beit2.pipelines.train.TrainingJobs;
import dev.beit2.pipelines.train.TrainingOptions;
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
      Command.of(
              NAME,
              "MIM shards -> backbone",
              "Pretrains a vision transformer by masked image modelling: it predicts the codes of masked patches, from "
                  + "the last layer and, by way of [CLS], from an early layer (patch aggregation).",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withPresets(PretrainingRecipe.PRESETS)
          .refusing(TrainingOptions.SET_BY_TRAINING)
          .withTemplate(TrainingOptions.NOT_IN_TEMPLATES);

  private PretrainMim() {}

  /** The options of {@code ./beit2 pretrain}. */
  public interface Options extends TrainingOptions, InputSizeOptions {
    @Description("Shards written by ./beit2 tokenize.")
    @Validation.Required
    @Location(Location.Kind.INPUT_FOLDER)
    String getShards();

    void setShards(String shards);

    @Description(
        "The tokenizer that must have made the shards: a run of ./beit2 train-tokenizer, one of its checkpoints, a file, or "
            + "torchscript:FILE. Left out: any tokenizer.")
    @Location(value = Location.Kind.INPUT, prefixes = "torchscript:")
    String getTokenizer();

    void setTokenizer(String tokenizer);

    @Description(
        "A model whose backbone, and heads where they fit, are the initial values: a run of ./beit2 pretrain, one of its "
            + "checkpoints, or a file: model.safetensors, or a .pth of the official code, pretrained or fine-tuned. Left "
            + "out: random initial values.")
    @Location(Location.Kind.INPUT)
    String getInitializeFrom();

    void setInitializeFrom(String initializeFrom);

    @Description(
        "tiny: 6 blocks of width 192 on 96 pixels, for a laptop. base and large: the paper's ViT-B/16 and ViT-L/16.")
    @Default.String("base")
    String getPreset();

    void setPreset(String preset);

    @Description(
        "Whether a run continues without the rows of missing or corrupt shards that cannot be read, and counts and lists "
            + "those shards among the rejected images. Otherwise the first such shard ends the run.")
    @Default.Boolean(false)
    boolean getSkipCorruptShards();

    void setSkipCorruptShards(boolean skipCorruptShards);

    @Description("Patches of a view that are masked, block-wise.")
    @Range(min = 1)
    Integer getMaskedPatches();

    void setMaskedPatches(Integer maskedPatches);

    @Description("Smallest area of a masked block, in patches.")
    @Range(min = 1)
    Integer getMinBlockPatches();

    void setMinBlockPatches(Integer minBlockPatches);

    @Description("Largest area of a masked block, in patches. Left out: --maskedPatches.")
    @Range(min = 1)
    Integer getMaxBlockPatches();

    void setMaxBlockPatches(Integer maxBlockPatches);

    @Description("Initial value of layer scale; 0: no layer scale.")
    @Range(min = 0)
    Double getLayerScale();

    void setLayerScale(Double layerScale);

    @Description("Blocks before the patch tokens leave for patch aggregation.")
    @Range(min = 1)
    Integer getEarlyLayers();

    void setEarlyLayers(Integer earlyLayers);

    @Description("Blocks of patch aggregation; 0: no patch aggregation, as in BEiT v1.")
    @Range(min = 0)
    Integer getHeadLayers();

    void setHeadLayers(Integer headLayers);

    @Description(
        "Whether patch aggregation predicts with the norm and head of the last layer, or has its own.")
    Boolean getSharedHead();

    void setSharedHead(Boolean sharedHead);

    @Description(
        "Rate of stochastic depth in the last block. The paper uses 0 for 300 epochs and 0.1 for 1600.")
    @Range(min = 0, max = 0.9)
    Double getDropPath();

    void setDropPath(Double dropPath);

    @Description(
        "Decay of Adam's average of squared gradients. The paper uses 0.98 for 300 epochs and 0.999 for 1600.")
    @Range(min = 0, max = 0.99999)
    @Override
    Double getAdamBeta2();

    @Override
    void setAdamBeta2(Double adamBeta2);
  }

  /** {@code ./beit2 pretrain}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage name of the run in progress lines
   */
  public static void run(Options options, String stage) throws IOException, InterruptedException {
    try (SharedInJvm<MimShards> shards =
        MimSpec.shards(options.getShards(), options.getSkipCorruptShards())) {
      MimSpec spec = MimSpec.of(options, stage, shards.get().manifest());
      if (spec.initialModel() != null && !spec.plan().config().isBegun(options.getOutput())) {
        Inputs.printNote(
            stage, options.getInitializeFrom() + " " + spec.initialModel().description());
      }
      TrainingJobs.run(spec, options);
    }
  }
}
