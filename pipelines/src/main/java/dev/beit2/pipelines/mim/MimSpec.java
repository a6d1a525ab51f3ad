package dev.beit2.pipelines.mim;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.TokenizerSource;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan;
import dev.beit2.pipelines.train.TrainingSpec;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;
import java.util.List;
import javax.annotation.Nullable;

/** A pretraining, as the launcher has planned it. */
record MimSpec(
    TrainingPlan plan,
    MimConfig network,
    @Nullable InitialModel initialModel,
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
   * @param shards the manifest of {@code --shards}
   * @throws InvalidOptionException if the shards do not fit the preset, the mask or the tokenizer
   */
  static MimSpec of(PretrainMim.Options options, String stage, ShardManifest shards)
      throws IOException {
    PretrainingRecipe recipe = PretrainingRecipe.of(options.getPreset());
    requireFit(options, shards);
    requireTokenizer(options, shards);
    FlinkTarget target = FlinkTarget.of(options);
    MimConfig network = network(options, recipe, shards.codebookSize());
    InitialModel initial =
        options.getInitializeFrom() == null
            ? null
            : InitialModel.read(target.path(options.getInitializeFrom()), network);
    RunConfig config =
        TrainingPlan.config(PretrainMim.NAME, PretrainMim.Options.class, options, recipe)
            // Its content matters, not its path.
            .with("initializeFrom", initial == null ? null : initial.digest());
    return new MimSpec(
        TrainingPlan.of(stage, config, options, shards.rows(), options.getInputSize(), recipe),
        network,
        initial,
        TrainingPlan.optimizer(options),
        mask(options, recipe),
        target.path(options.getShards()),
        options.getSkipCorruptShards(),
        DecodingOptions.limits(options).withGreyRange(shards.greyRange()),
        options.getSeed(),
        options.getPrecision(),
        options.getRecompute());
  }

  /** The shards, opened once per JVM, whatever workers and rounds ask for them. */
  static SharedInJvm<MimShards> shards(String path, boolean skipCorrupt) throws IOException {
    return SharedInJvm.acquire(
        MimShards.class,
        List.of(path, skipCorrupt),
        () ->
            Inputs.named(
                "--shards",
                path,
                () -> skipCorrupt ? MimShards.openSkippingCorrupt(path) : MimShards.open(path)));
  }

  private static MimConfig network(
      PretrainMim.Options options, PretrainingRecipe recipe, int vocabulary) {
    VitConfig backbone = recipe.backbone();
    boolean aggregates = options.getHeadLayers() > 0;
    if (aggregates && options.getEarlyLayers() > backbone.depth()) {
      throw new InvalidOptionException(
          "--earlyLayers=" + options.getEarlyLayers(),
          "a backbone of " + backbone.depth() + " blocks",
          "at most " + backbone.depth());
    }
    return new MimConfig(
        TrainingPlan.withInput(backbone, options.getInputSize(), options.getPatchSize())
            .withLayerScale(options.getLayerScale())
            .withDropPath(options.getDropPath()),
        vocabulary,
        aggregates ? options.getEarlyLayers() : 0,
        options.getHeadLayers(),
        !aggregates || options.getSharedHead());
  }

  private static BlockwiseMask mask(PretrainMim.Options options, PretrainingRecipe recipe) {
    int least = options.getMinBlockPatches();
    int most =
        options.getMaxBlockPatches() == null
            ? Math.max(options.getMaskedPatches(), least)
            : options.getMaxBlockPatches();
    if (most < least) {
      throw new InvalidOptionException(
          "--maxBlockPatches=" + most, "--minBlockPatches=" + least, "at least as many");
    }
    return new BlockwiseMask(
        options.getInputSize() / options.getPatchSize(),
        options.getMaskedPatches(),
        least,
        most,
        recipe.minBlockAspect());
  }

  private static void requireFit(PretrainMim.Options options, ShardManifest shards) {
    String given = "--shards=" + options.getShards();
    int side = options.getInputSize();
    int grid = side / options.getPatchSize();
    if (shards.inputSize() != side || shards.grid() != grid) {
      throw new InvalidOptionException(
          given,
          "views of %1$d pixels in %2$d x %2$d patches"
              .formatted(shards.inputSize(), shards.grid()),
          "%1$d pixels in %2$d x %2$d patches, for --preset=%3$s --inputSize=%1$d --patchSize=%4$d"
              .formatted(side, grid, options.getPreset(), options.getPatchSize()));
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
    String digest = TokenizerSource.digest(options.getTokenizer());
    if (!digest.equals(shards.tokenizerDigest())) {
      throw new InvalidOptionException(
          "--shards=" + options.getShards(),
          "codes of the tokenizer " + shards.tokenizerDigest(),
          "codes of --tokenizer=" + options.getTokenizer() + ", which is " + digest);
    }
  }

  @Override
  public TrainingTask<?, ?> open(RunPosition from) throws IOException {
    return MimTraining.open(this, from);
  }
}
