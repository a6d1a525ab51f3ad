package dev.beit2.pipelines.mim;

import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.train.Learner;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.loader.EpochCache;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.Precisions;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.annotation.Nullable;

/**
 * Masked image modelling on shards: epoch e sees view e modulo the number of views of each image,
 * under a mask of its own.
 */
public final class MimTraining implements TrainingTask<MimExample, MimBatch> {
  private static final String MASK = "mask/";

  private final TrainingPlan plan;
  private final ShardMetadata metadata;
  private final MimShards shards;
  private final ExampleLoader<MimExample> feed;
  private final ViewCache rendered;
  private final long rows;
  private final BlockwiseMask mask;
  private final MimTrainer trainer;
  private final long seed;

  private MimTraining(
      TrainingPlan plan, RunPosition from, ShardManifest manifest, PretrainMim.Options options) {
    this.plan = plan;
    this.metadata = manifest.metadata();
    this.seed = options.getSeed();
    this.shards =
        options.getSkipCorruptShards()
            ? MimShards.openSkippingCorrupt(options.getShards())
            : MimShards.open(options.getShards());
    this.feed = new ExampleLoader<>(new Rows(shards, seed), DecodingOptions.limits(options));
    this.rendered = new ViewCache(manifest);
    this.rows = manifest.rows();
    this.mask = BlockwiseMask.of(metadata.grid(), options.getMaskedPatches());
    this.trainer =
        MimTrainer.start(
            config(options, metadata),
            adamW(options),
            plan.schedule(from),
            seed,
            Precisions.parse(options.getPrecision()),
            options.getRecompute());
  }

  private static AdamWConfig adamW(PretrainMim.Options options) {
    AdamWConfig recipe = AdamWConfig.pretraining();
    return new AdamWConfig(
        recipe.beta1(),
        options.getAdamBeta2(),
        recipe.eps(),
        recipe.weightDecay(),
        recipe.clipNorm());
  }

  private static MimConfig config(PretrainMim.Options options, ShardMetadata shards) {
    return MimConfig.preset(options.getPreset(), shards.codebookSize())
        .withDropPath(options.getDropPath());
  }

  /** Sets up the training that the options describe. */
  public static MimTraining open(PretrainMim.Options options, RunPosition from) throws IOException {
    ShardManifest shards = shards(options);
    return new MimTraining(plan(options, shards), from, shards, options);
  }

  static TrainingPlan plan(PretrainMim.Options options, ShardManifest shards) {
    return TrainingPlan.of(PretrainMim.NAME, PretrainMim.Options.class, options, shards.rows());
  }

  /**
   * The manifest of the shards.
   *
   * @throws InvalidOptionException if there is none, or they do not fit the preset, the mask or the
   *     tokenizer
   */
  static ShardManifest shards(PretrainMim.Options options) throws IOException {
    String given = "--shards=" + options.getShards();
    ShardManifest shards = Inputs.shards("--shards", options.getShards());
    MimConfig config = config(options, shards.metadata());
    int side = config.backbone().imageSize();
    int grid = config.backbone().grid();
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
    requireTokenizer(options, shards);
    return shards;
  }

  private static void requireTokenizer(PretrainMim.Options options, ShardManifest shards)
      throws IOException {
    if (options.getTokenizer() == null) {
      return;
    }
    String digest;
    try (Tokenizer tokenizer =
        Inputs.model(
            "--tokenizer", options.getTokenizer(), in -> Tokenizer.read(in, Precision.FP32))) {
      digest = tokenizer.digest();
    }
    if (!digest.equals(shards.tokenizerDigest())) {
      throw new InvalidOptionException(
          "--shards=" + options.getShards(),
          "codes of the tokenizer " + shards.tokenizerDigest(),
          "codes of --tokenizer=" + options.getTokenizer() + ", which is " + digest);
    }
  }

  @Override
  public TrainingPlan plan() {
    return plan;
  }

  @Override
  public Learner learner() {
    return trainer;
  }

  @Override
  public MimBatch newBatch() {
    return MimBatch.allocate(plan.batchSize(), metadata.inputSize(), metadata.codesPerView());
  }

  @Override
  public MimExample read(long position) throws IOException {
    return feed.read(position);
  }

  @Override
  public void fill(long position, MimExample example, MimBatch batch, int slot) throws IOException {
    long epoch = position / rows;
    int view = (int) (epoch % metadata.views());
    MimExample used = example;
    RgbImage pixels = rendered.get(example.key(), view);
    if (pixels == null) {
      ExampleLoader.Rendered<MimExample> rendering =
          feed.render(
              position,
              example,
              (row, image) -> image.render(row.views().get(view).view(), metadata.inputSize()));
      used = rendering.example();
      pixels = rendering.pixels();
      rendered.put(used.key(), view, pixels);
    }
    batch.images().put(slot, used.key(), pixels);
    int patches = metadata.codesPerView();
    int[] codes = CodePacking.unpack(used.views().get(view).codes(), patches, metadata.codeBits());
    System.arraycopy(codes, 0, batch.codes(), slot * patches, patches);
    boolean[] masked = mask(mask, seed, used.key(), epoch);
    System.arraycopy(masked, 0, batch.masks(), slot * patches, patches);
  }

  /** The mask of an image in an epoch. */
  public static boolean[] mask(BlockwiseMask mask, long seed, String key, long epoch) {
    SeededRandom random = SeededRandom.of(seed, MASK + key, epoch);
    return mask.sample(random::nextLong);
  }

  @Override
  public void begin(MimBatch batch) {
    trainer.begin(batch.images().first(plan.batchSize()), plan.batchSize());
  }

  @Override
  public Map<String, Double> step(MimBatch batch) {
    int size = plan.batchSize();
    return trainer.step(
        batch.images().first(size), batch.masks(), batch.codes(), size, plan.accumulate());
  }

  @Override
  public List<String> keys(MimBatch batch) {
    return batch.images().keys(plan.batchSize());
  }

  @Override
  public List<RejectedImage> rejected() {
    Map<String, RejectedImage> rejected = new TreeMap<>();
    shards.corrupt().forEach(shard -> rejected.put(shard.key(), shard));
    feed.rejected().forEach(image -> rejected.put(image.key(), image));
    return List.copyOf(rejected.values());
  }

  @Override
  public Set<String> corruptShards() {
    return shards.corrupt().stream().map(RejectedImage::key).collect(Collectors.toSet());
  }

  @Override
  public void alreadyRejected(List<RejectedImage> images) {
    feed.alreadyRejected(images);
  }

  @Override
  public void close() {
    trainer.close();
  }

  private static final class Rows implements ExampleLoader.Source<MimExample> {
    private final MimShards shards;
    private final EpochCache<MimShards.Epoch> epochs;

    Rows(MimShards shards, long seed) {
      this.shards = shards;
      this.epochs = new EpochCache<>(epoch -> shards.epoch(seed, epoch));
    }

    @Override
    public long size() {
      return shards.examples();
    }

    @Override
    @Nullable
    public MimExample read(long epoch, long index) throws IOException {
      MimShards.Epoch rows = epochs.get(epoch);
      // All threads read from one window of rows: it is large, and reading is the least of a row's
      // work.
      synchronized (rows) {
        return rows.find(index).orElse(null);
      }
    }

    @Override
    public String key(MimExample example) {
      return example.key();
    }

    @Override
    public byte[] image(MimExample example) {
      return example.jpeg();
    }
  }
}
