package dev.beit2.pipelines.tokenize;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.GreyRange;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.source.ImageDatasetIO;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.shard.MimShardIO;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InsteadOf;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.Option;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.cli.TemplateLaunch;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.TokenizerOptions;
import dev.beit2.pipelines.options.TokenizerSource;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.run.FaintImages;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RejectedNote;
import dev.beit2.pipelines.run.RunConfig;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;

/** Computes the codes of several views of each image and stores images and codes as MIM shards. */
public final class TokenizeDataset {
  public static final String NAME = "tokenize";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "images and tokenizer -> MIM shards",
              "Draws several views of each image, computes the codes of their patches with a trained"
                  + " tokenizer, and writes images, views and codes as MIM shards. Pretraining needs nothing"
                  + " else.",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors())
          .withTemplate(Map.of());

  private TokenizeDataset() {}

  /** The options of {@code ./beit2 tokenize}. */
  public interface Options extends ImageSourceOptions, TokenizerOptions {
    @Description(
        "Images: a folder, an archive, or several files by a glob or braces, NAME-{000..127}.tar; see --format. Images "
            + "that cannot be decoded are left out and listed in OUTPUT/rejected.")
    @Validation.Required
    @Location(Location.Kind.INPUT)
    String getInput();

    void setInput(String input);

    @Description(
        "Folder of the shards; manifest.json is written last. A finished command is not repeated; a"
            + " stopped one starts over. Other options need another folder.")
    @Validation.Required
    @Location(Location.Kind.OUTPUT_FOLDER)
    String getOutput();

    void setOutput(String output);

    @Description("Views per image. Epoch e of pretraining sees view e modulo this number.")
    @Default.Integer(8)
    @Range(min = 1, max = 10000)
    int getViews();

    void setViews(int views);

    @Description(
        "Strength of the views' colour jitter: brightness, contrast and saturation. The paper uses 0.4.")
    @Default.Double(PretrainingRecipe.COLOR_JITTER)
    @Range(min = 0, max = 1)
    double getColorJitter();

    void setColorJitter(double colorJitter);

    @Description("Smallest fraction of an image's area that a view keeps. The paper uses 0.2.")
    @Default.Double(PretrainingRecipe.MIN_CROP_SCALE)
    @Range(min = 0.001, max = 1)
    double getMinCropScale();

    void setMinCropScale(double minCropScale);

    @Description(
        "Whether view 0 is the evaluation crop, without flip and jitter; the other views do not"
            + " change.")
    @Default.Boolean(false)
    boolean getCenterView();

    void setCenterView(boolean centerView);

    @Description(
        "Images whose shorter side is longer than this many pixels are stored as JPEGs of this size"
            + " (quality 90), and views are crops of those. 0: images are stored as they are.")
    @Default.Integer(0)
    @Range(min = 0, max = 65500)
    int getStoreSize();

    void setStoreSize(int storeSize);

    @Description("Seed of the views and of the order of the images in the shards.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);

    @Description("Approximate size of a shard in megabytes; instead of --shardCount.")
    @Default.Integer(256)
    @Range(min = 1, max = 10000)
    int getShardMegabytes();

    void setShardMegabytes(int shardMegabytes);

    @Description(
        "Number of shards; instead of --shardMegabytes. Left out: as many as --shardMegabytes"
            + " gives.")
    @InsteadOf("shardMegabytes")
    @Range(min = 1, max = 1000000)
    Integer getShardCount();

    void setShardCount(Integer shardCount);

    @Description(
        "Views that the tokenizer encodes at once. With --views or a divisor of it, an image's codes"
            + " never depend on other images.")
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
   * @param stage name of the pipeline in progress lines
   * @throws InvalidOptionException if the output holds shards of other or unknown options, or
   *     another start holds it
   */
  public static void run(Options options, String stage) throws IOException {
    TokenizerSource tokenizer = TokenizerSource.of(options);
    DecodingLimits decoding =
        ImageSourceOptions.decoding(options, stage, tokenizer.option(), tokenizer.greyRange());
    ShardMetadata shards = shards(options, tokenizer, decoding.greyRange());
    RunConfig config = config(options, shards);
    Optional<ShardManifest> written = written(options.getOutput(), config);
    if (written.isPresent()) {
      TemplateLaunch.requireWork(
          options, options.getOutput(), "all %d images in shards".formatted(written.get().rows()));
      System.err.printf(
          "[%s] all %d images are in %d shards in %s: nothing to do%n",
          stage, written.get().rows(), written.get().shards().size(), options.getOutput());
      return;
    }
    ImageSource source = Inputs.source("--input", options.getInput(), options);
    ImageSource.Summary images = Inputs.summary("--input", source);
    Inputs.printNotes(stage, source, images);
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      config.begin(options.getOutput());
      write(options, stage, source, images, tokenizer, shards);
    }
  }

  private static void write(
      Options options,
      String stage,
      ImageSource source,
      ImageSource.Summary images,
      TokenizerSource tokenizer,
      ShardMetadata shards)
      throws IOException {
    RejectedNote.removeOld(options.getOutput());
    ClassNames.write(options.getOutput(), images.classes());
    PatchEncoder.Source encoder = new PatchEncoder.OfTokenizer(tokenizer);
    StageProgress progress = StageProgress.of(stage, images.images().orElse(0), options);
    Pipeline pipeline = pipeline(options, source, encoder, shards, progress);
    long faint = FaintImages.in(progress.run(pipeline));
    if (Inputs.shards("--output", options.getOutput()).rows() == 0) {
      throw noneUsable(options, images);
    }
    RejectedNote.print(stage, options.getOutput());
    FaintImages.print(stage, faint);
  }

  private static InvalidOptionException noneUsable(Options options, ImageSource.Summary images)
      throws IOException {
    Optional<RejectedImages.Written> rejected =
        RejectedImages.written(RejectedNote.folder(options.getOutput()));
    return new InvalidOptionException(
        "--input=" + options.getInput(),
        rejected.isEmpty()
            ? "no image in it"
            : (images.images().isPresent() ? images.images().getAsLong() + " images" : "images")
                + " of which none can be decoded (see "
                + rejected.get().path()
                + ")",
        "at least one that can be decoded");
  }

  private static ShardMetadata shards(
      Options options, TokenizerSource tokenizer, @Nullable GreyRange greyRange) {
    return new ShardMetadata(
        tokenizer.digest(),
        tokenizer.codebookSize(),
        tokenizer.grid(),
        tokenizer.imageSize(),
        options.getViews(),
        options.getSeed(),
        tokenizer.precision() == null ? null : Option.text(tokenizer.precision()),
        greyRange);
  }

  /** Everything that determines the shards' bytes, except the images themselves. */
  private static RunConfig config(Options options, ShardMetadata shards) {
    RunConfig config =
        RunConfig.of(NAME, Options.class, options, Set.of("output"))
            .with("input", StoredFile.withoutLastSlash(options.getInput()))
            // Its content matters, not its path.
            .with("tokenizer", shards.tokenizerDigest())
            .with("greyRange", Objects.toString(shards.greyRange(), null));
    if (options.getMinCropScale() == PretrainingRecipe.MIN_CROP_SCALE) {
      config = config.with("minCropScale", null); // as in sets from before there was this option
    }
    return options.getShardCount() == null ? config : config.with("shardMegabytes", null);
  }

  /**
   * The complete set that an earlier start with the same options has written.
   *
   * @throws InvalidOptionException if the folder's shards were written with other or unknown
   *     options
   */
  private static Optional<ShardManifest> written(String output, RunConfig config)
      throws IOException {
    boolean begun = config.isBegun(output);
    boolean complete = StoredFile.in(output, ShardManifest.FILE).exists();
    if (!begun && (complete || !StoredFile.matching(output, "shard-*").isEmpty())) {
      throw new InvalidOptionException(
          "--output=" + output,
          "shards without a " + RunConfig.FILE + " that says how they were made",
          "an empty folder, or shards of the same options");
    }
    return complete
        ? Optional.of(Inputs.shards("--output", output)).filter(shards -> shards.rows() > 0)
        : Optional.empty();
  }

  /**
   * The whole pipeline.
   *
   * @param encoder computes the codes
   * @param progress counts the images
   */
  public static Pipeline pipeline(
      Options options,
      ImageSource source,
      PatchEncoder.Source encoder,
      ShardMetadata shards,
      StageProgress progress) {
    String output = FlinkTarget.of(options).path(options.getOutput());
    Pipeline pipeline = Pipeline.create(options);
    PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(source));
    PCollectionTuple views =
        read.get(ImageDatasetIO.IMAGES)
            .apply(
                "Encode views",
                new EncodeViews(
                    encoder,
                    shards,
                    recipe(options, shards.greyRange()),
                    options.getBatchSize(),
                    FlinkTarget.of(options).threadsPerTask(),
                    progress));
    PCollection<String> rejected =
        PCollectionList.of(read.get(ImageDatasetIO.REJECTED))
            .and(views.get(EncodeViews.REJECTED))
            .apply("All rejected", Flatten.pCollections())
            .apply("Write rejected", RejectedImages.write(RejectedNote.folder(output)));
    MimShardIO.Write write = MimShardIO.write(output, shards).withManifestAfter(rejected);
    views
        .get(EncodeViews.ENCODED)
        .apply(
            "Write shards",
            options.getShardCount() == null
                ? write.withShardMegabytes(options.getShardMegabytes())
                : write.withShardCount(options.getShardCount()));
    return pipeline;
  }

  /** How images become views. */
  public static ViewRecipe recipe(Options options, @Nullable GreyRange greyRange) {
    return new ViewRecipe(
        options.getMinCropScale(),
        options.getColorJitter(),
        options.getCenterView(),
        options.getStoreSize(),
        DecodingOptions.limits(options).withGreyRange(greyRange));
  }
}
