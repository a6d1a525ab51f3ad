package dev.beit2.pipelines.mim;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan;
import dev.beit2.pipelines.train.TrainingSpec;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;

/** A pretraining, as the launcher has planned it. */
record MimSpec(
    TrainingPlan plan,
    MimConfig network,
    AdamWConfig optimizer,
    BlockwiseMask mask,
    String shards,
    boolean skipCorruptShards,
    DecodingLimits limits,
    long seed,
    Precision precision,
    boolean activationCheckpointing)
    implements TrainingSpec {
  private static final long serialVersionUID = 1L;

  /**
   * Plans the training that options describe.
   *
   * @param stage name of the run in progress lines
   * @throws InvalidOptionException if there are no shards, or they do not fit the preset, the mask
   *     or the tokenizer
   */
  static MimSpec of(PretrainMim.Options options, String stage) throws IOException {
    PretrainingRecipe recipe = PretrainingRecipe.of(options.getPreset());
    ShardManifest shards = Inputs.shards("--shards", options.getShards());
    requireFit(options, recipe, shards);
    requireTokenizer(options, shards);
    AdamWConfig adamW = recipe.optimizer();
    return new MimSpec(
        TrainingPlan.of(
            stage,
            TrainingPlan.config(PretrainMim.NAME, PretrainMim.Options.class, options),
            options,
            shards.rows(),
            recipe.backbone().imageSize(),
            recipe.microBatch(),
            recipe.warmupFrom(),
            recipe.minLearningRate()),
        recipe.network(shards.codebookSize()).withDropPath(options.getDropPath()),
        new AdamWConfig(
            adamW.beta1(),
            options.getAdamBeta2(),
            adamW.eps(),
            adamW.weightDecay(),
            adamW.clipNorm()),
        recipe.mask(options.getMaskedPatches()),
        options.getShards(),
        options.getSkipCorruptShards(),
        DecodingOptions.limits(options),
        options.getSeed(),
        options.getPrecision(),
        options.getRecompute());
  }

  private static void requireFit(
      PretrainMim.Options options, PretrainingRecipe recipe, ShardManifest shards) {
    String given = "--shards=" + options.getShards();
    int side = recipe.backbone().imageSize();
    int grid = recipe.backbone().grid();
    if (shards.inputSize() != side || shards.grid() != grid) {
      throw new InvalidOptionException(
          given,
          "views of %1$d pixels in %2$d x %2$d patches"
              .formatted(shards.inputSize(), shards.grid()),
          "%1$d pixels in %2$d x %2$d patches, as --preset=%3$s takes them"
              .formatted(side, grid, options.getPreset()));
    }
    if (shards.rows() == 0) {
      throw new InvalidOptionException(given, "shards without images", "at least one image");
    }
    int patches = grid * grid;
    if (options.getMaskedPatches() >= patches) {
      throw new InvalidOptionException(
          "--maskedPatches=" + options.getMaskedPatches(),
          "views of " + patches + " patches",
          "at most " + (patches - 1) + ", so that one is left");
    }
  }

  private static void requireTokenizer(PretrainMim.Options options, ShardManifest shards)
      throws IOException {
    if (options.getTokenizer() == null) {
      return;
    }
    String digest =
        Inputs.model("--tokenizer", options.getTokenizer(), TokenizerDescription::read).digest();
    if (!digest.equals(shards.tokenizerDigest())) {
      throw new InvalidOptionException(
          "--shards=" + options.getShards(),
          "codes of the tokenizer " + shards.tokenizerDigest(),
          "codes of --tokenizer=" + options.getTokenizer() + ", which is " + digest);
    }
  }

  @Override
  public TrainingTask<?, ?> open(RunPosition from) {
    return new MimTraining(this, from);
  }
}
