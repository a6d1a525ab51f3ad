package dev.beit2.pipelines.tokenize;

import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.source.ImageDatasetIO;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.shard.MimShardIO;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.ByPreset;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.LocalProgress;
import dev.beit2.pipelines.cli.OneOf;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.Precisions;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.run.RunConfig;
import java.io.IOException;
import java.util.Optional;
import java.util.Set;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * Precomputes the codes of the patches of several views of each image, and stores both as MIM
 * shards.
 */
public final class TokenizeDataset {
  public static final String NAME = "tokenize";

  private static final String REJECTED = "rejected";

  /** The Beam counter of images that were left out. */
  public static final String REJECTED_IMAGES = "rejected_images";

  public static final Command<Options> COMMAND =
      new Command<>(
          NAME,
          "Draws several views of each image, computes the code of each of their patches with a"
              + " trained tokenizer, and writes images, views and codes as MIM shards, which are"
              + " all that pretraining needs.",
          Options.class,
          Command.cores(),
          options -> {
            run(options, NAME);
            return CommandLine.OK;
          });

  private TokenizeDataset() {}

  /** The options of {@code ./beit2 tokenize}. */
  public interface Options extends ImageSourceOptions {
    @Description(
        "Images: a folder, an archive, or several by a glob or braces, NAME-{000..127}.tar; see --format. What is not "
            + "decodable is left out and listed in OUTPUT/rejected.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description("The tokenizer: a run of ./beit2 train-tokenizer, or one of its checkpoints.")
    @Validation.Required
    String getTokenizer();

    void setTokenizer(String tokenizer);

    @Description(
        "Folder of the shards; manifest.json is written last. A finished start is not repeated, one"
            + " that was stopped begins anew, and with other options there has to be another"
            + " folder.")
    @Validation.Required
    String getOutput();

    void setOutput(String output);

    @Description("Views of an image. Epoch e of pretraining sees view e modulo this.")
    @Default.Integer(8)
    @Range(min = 1, max = 10000)
    int getViews();

    void setViews(int views);

    @Description("How much brightness, contrast and saturation of views vary; the paper has 0.4.")
    @Default.Double(0.4)
    @Range(min = 0, max = 1)
    double getColorJitter();

    void setColorJitter(double colorJitter);

    @Description(
        "Whether view 0 is the crop of evaluation, without flip and jitter; the other views are the"
            + " same either way.")
    @Default.Boolean(false)
    boolean getCenterView();

    void setCenterView(boolean centerView);

    @Description(
        "Larger images are stored as JPEGs whose shorter side has this many pixels (quality 90),"
            + " and views are of those; 0 = images are stored as they are.")
    @Default.Integer(0)
    @Range(min = 0, max = 65500)
    int getStoreSize();

    void setStoreSize(int storeSize);

    @Description("Decides which views are drawn, and the order of the images in the shards.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);

    @Description(
        "Arithmetic of matrix products and attention: fp32 is exact, bf16 faster where the"
            + " processor has it.")
    @Default.String("fp32")
    @OneOf({"fp32", "bf16"})
    String getPrecision();

    void setPrecision(String precision);

    @Description("Megabytes of a shard, about; instead of --shardCount.")
    @Default.Integer(256)
    @Range(min = 1, max = 10000)
    int getShardMegabytes();

    void setShardMegabytes(int shardMegabytes);

    @Description(
        "Shards, whatever their size; instead of --shardMegabytes. Left out: as many as"
            + " --shardMegabytes makes.")
    @ByPreset(insteadOf = "shardMegabytes")
    @Range(min = 1, max = 1000000)
    Integer getShardCount();

    void setShardCount(Integer shardCount);

    @Description(
        "Views that the tokenizer sees at once. With --views or a divisor of it, codes never depend"
            + " on other images.")
    @Default.Integer(8)
    @Range(min = 1, max = 4096)
    int getBatchSize();

    void setBatchSize(int batchSize);
  }

  /** {@code ./beit2 tokenize}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Writes the shards, unless an earlier start with the same options did.
   *
   * @param stage what progress is told as
   * @throws InvalidOptionException if the output holds shards of other options, or of unknown ones
   */
  public static void run(Options options, String stage) throws IOException {
    ShardMetadata shards = shards(options);
    RunConfig config = config(options, shards);
    Optional<ShardManifest> written = written(options.getOutput(), config);
    if (written.isPresent()) {
      System.err.printf(
          "[%s] all %d images are in %d shards in %s: nothing to do%n",
          stage, written.get().rows(), written.get().shards().size(), options.getOutput());
      return;
    }
    ImageSource source = Inputs.source("--input", options.getInput(), options);
    ImageSource.Summary images = Inputs.summary("--input", source);
    ClassNames.warnOfNone(stage, source, images);
    config.begin(options.getOutput());
    removeRejected(options.getOutput());
    ClassNames.write(options.getOutput(), images.classes());
    PatchEncoder.Source encoder =
        new PatchEncoder.Checkpointed(
            options.getTokenizer(),
            shards.tokenizerDigest(),
            Precisions.parse(options.getPrecision()));
    Pipeline pipeline = pipeline(options, source, encoder, shards, stage);
    try (LocalProgress progress = LocalProgress.begin(stage, images.images().orElse(0))) {
      pipeline.run().waitUntilFinish();
    }
    if (Inputs.shards("--output", options.getOutput()).rows() == 0) {
      throw new InvalidOptionException(
          "--input=" + options.getInput(),
          (images.images().isPresent() ? images.images().getAsLong() + " images" : "images")
              + " of which none can be decoded (see "
              + options.getOutput()
              + "/rejected)",
          "at least one that can");
    }
  }

  private static ShardMetadata shards(Options options) throws IOException {
    try (Tokenizer tokenizer = tokenizer(options, Precisions.parse(options.getPrecision()))) {
      return new ShardMetadata(
          tokenizer.digest(),
          tokenizer.codebookSize(),
          tokenizer.grid(),
          tokenizer.imageSize(),
          options.getViews(),
          options.getSeed());
    }
  }

  /** All that the shards' bytes follow from, beside the images themselves. */
  private static RunConfig config(Options options, ShardMetadata shards) {
    RunConfig config =
        RunConfig.of(NAME, Options.class, options, Set.of("output"))
            .with("input", StoredFile.withoutLastSlash(options.getInput()))
            // Wherever it lies.
            .with("tokenizer", shards.tokenizerDigest());
    return options.getShardCount() == null ? config : config.with("shardMegabytes", null);
  }

  /**
   * The complete set that an earlier start with the same options wrote.
   *
   * @throws InvalidOptionException if what is there was written with other options, or nobody knows
   *     with which
   */
  private static Optional<ShardManifest> written(String output, RunConfig config)
      throws IOException {
    boolean begun = config.isBegun(output);
    boolean complete = StoredFile.in(output, ShardManifest.FILE).exists();
    if (!begun
        && (complete || !StoredFile.matching(StoredFile.in(output, "shard-*").path()).isEmpty())) {
      throw new InvalidOptionException(
          "--output=" + output,
          "shards without a " + RunConfig.FILE + " that says how they were made",
          "an empty folder, or shards of the same options");
    }
    return complete
        ? Optional.of(Inputs.shards("--output", output)).filter(shards -> shards.rows() > 0)
        : Optional.empty();
  }

  /** What an unfinished start left: this one may reject nothing, and then writes no such file. */
  private static void removeRejected(String output) throws IOException {
    String folder = StoredFile.in(output, REJECTED).path();
    for (String file : StoredFile.matching(StoredFile.in(folder, "rejected-*").path())) {
      new StoredFile(file).deleteIfExists();
    }
    StoredFile.deleteAside(folder, "rejected-*");
  }

  /** The whole pipeline, with whatever makes the codes. */
  public static Pipeline pipeline(
      Options options,
      ImageSource source,
      PatchEncoder.Source encoder,
      ShardMetadata shards,
      String stage) {
    Pipeline pipeline = Pipeline.create(options);
    PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(source));
    PCollectionTuple views =
        read.get(ImageDatasetIO.IMAGES)
            .apply(
                "Encode views",
                new EncodeViews(
                    encoder,
                    shards,
                    recipe(options),
                    options.getBatchSize(),
                    torchThreads(options),
                    stage));
    PCollection<String> rejected =
        PCollectionList.of(read.get(ImageDatasetIO.REJECTED))
            .and(views.get(EncodeViews.REJECTED))
            .apply("All rejected", Flatten.pCollections())
            .apply(
                "Write rejected",
                RejectedImages.write(StoredFile.in(options.getOutput(), REJECTED).path()));
    MimShardIO.Write write =
        MimShardIO.write(options.getOutput(), shards).withManifestAfter(rejected);
    views
        .get(EncodeViews.ENCODED)
        .apply(
            "Write shards",
            options.getShardCount() == null
                ? write.withShardMegabytes(options.getShardMegabytes())
                : write.withShardCount(options.getShardCount()));
    return pipeline;
  }

  public static ViewRecipe recipe(Options options) {
    return new ViewRecipe(
        options.getColorJitter(),
        options.getCenterView(),
        options.getStoreSize(),
        DecodingOptions.limits(options));
  }

  private static Tokenizer tokenizer(Options options, Precision precision) throws IOException {
    return Inputs.model("--tokenizer", options.getTokenizer(), in -> Tokenizer.read(in, precision));
  }

  /** Where several workers of a JVM run at once, each gets its share of the cores. */
  public static int torchThreads(PipelineOptions options) {
    int parallelism =
        options.getRunner() == FlinkRunner.class
            ? options.as(FlinkPipelineOptions.class).getParallelism()
            : Command.cores();
    return Math.max(1, Command.cores() / Math.max(1, parallelism));
  }
}
