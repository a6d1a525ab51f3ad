package dev.beit2.pipelines.eval;

import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.FeatureType;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.eval.FeatureChoice;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.cli.TemplateLaunch;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.PrecisionOptions;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RejectedNote;
import dev.beit2.pipelines.run.RunConfig;
import java.io.IOException;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** Computes the features of images once, for all measures and for other tools. */
public final class ExtractFeatures {
  static final String NAME = "extract-features";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "images and backbone -> features in Parquet",
              "Computes the [CLS] feature and the mean of the patch features of the evaluation crop of each image, and writes "
                  + "them as Parquet. evaluate and linear-probe read the folder, and so do pandas, pyarrow and DuckDB.",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors())
          .withTemplate(Map.of());

  private ExtractFeatures() {}

  /** The options of {@code ./beit2 extract-features}. */
  public interface Options extends ImageSourceOptions, PrecisionOptions {
    @Description(
        "Images: a folder, an archive, or several files by a glob or braces, NAME-{000..127}.tar; see --format. Images "
            + "that cannot be decoded are left out and listed in OUTPUT/rejected.")
    @Validation.Required
    @Location(Location.Kind.INPUT)
    String getInput();

    void setInput(String input);

    @Description(
        "The backbone: a run of ./beit2 pretrain, one of its checkpoints, or a file: model.safetensors, or a .pth of the "
            + "official code, pretrained or fine-tuned.")
    @Validation.Required
    @Location(Location.Kind.INPUT)
    String getBackbone();

    void setBackbone(String backbone);

    @Description(
        "Folder of the features; manifest.json is written last. A finished command is not repeated; a stopped one starts "
            + "over. Other options need another folder.")
    @Validation.Required
    @Location(Location.Kind.OUTPUT_FOLDER)
    String getOutput();

    void setOutput(String output);

    @Description(
        "Stored numbers: float32 is exact; float16 has 11 significant bits and half the size.")
    @Default.Enum("FLOAT32")
    FeatureType getFeatureType();

    void setFeatureType(FeatureType featureType);

    @Description("Whether to store every patch token after the last norm as well: patches.")
    @Default.Boolean(false)
    boolean getPatches();

    void setPatches(boolean patches);

    @Description(
        "Whether to store [CLS] and the mean of the patch tokens of each block as well, without a norm: block_01 and so on. "
            + "linear-probe --preset=beit needs them.")
    @Default.Boolean(false)
    boolean getBlocks();

    void setBlocks(boolean blocks);

    @Description(
        "Whether to store the features of an untrained backbone of the same shape as well: untrained_cls and so on.")
    @Default.Boolean(false)
    boolean getUntrained();

    void setUntrained(boolean untrained);

    @Description("Seed of the order of the rows, and of the untrained backbone's initial values.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);

    @Description("Approximate size of a Parquet file in megabytes.")
    @Default.Integer(256)
    @Range(min = 1, max = 10000)
    int getShardMegabytes();

    void setShardMegabytes(int shardMegabytes);
  }

  /** {@code ./beit2 extract-features}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Writes the features, unless an earlier start with the same options did.
   *
   * @param stage name of the pipeline in progress lines
   * @throws InvalidOptionException if the output holds features of other options, or something
   *     else, or another start holds it
   */
  public static void run(Options options, String stage) throws IOException {
    FlinkTarget target = FlinkTarget.of(options);
    FeaturePlan plan =
        FeaturePlan.of(
            options,
            stage,
            target.path(options.getBackbone()),
            options.getPrecision(),
            new FeatureChoice(options.getPatches(), options.getBlocks()),
            options.getUntrained(),
            options.getSeed(),
            options.getFeatureType(),
            options.getShardMegabytes());
    RunConfig config =
        RunConfig.of(NAME, Options.class, options, Set.of("output"))
            .with("input", StoredFile.withoutLastSlash(options.getInput()))
            // Its content matters, not its path.
            .with("backbone", plan.metadata().backboneDigest())
            .with("greyRange", Objects.toString(plan.metadata().greyRange(), null));
    Optional<FeatureManifest> written = written(options.getOutput(), config);
    if (written.isPresent()) {
      TemplateLaunch.requireWork(
          options,
          options.getOutput(),
          "the features of all %d images".formatted(written.get().rows()));
      System.err.printf(
          "[%s] the features of all %d images are in %s: nothing to do%n",
          stage, written.get().rows(), options.getOutput());
      return;
    }
    ImageSet images = ImageSet.of("--input", options.getInput(), options);
    Inputs.printNotes(stage, images.source(), images.summary());
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      config.begin(options.getOutput());
      plan.write(options, stage, images, target.path(options.getOutput()), /* labelled= */ false);
      RejectedNote.print(stage, options.getOutput());
    }
  }

  /** The complete set that an earlier start with the same options has written. */
  private static Optional<FeatureManifest> written(String output, RunConfig config)
      throws IOException {
    boolean begun = config.isBegun(output);
    boolean complete = StoredFile.in(output, ShardManifest.FILE).exists();
    if (!begun && complete) {
      throw new InvalidOptionException(
          "--output=" + output,
          "a %s without a %s that says how it was made"
              .formatted(ShardManifest.FILE, RunConfig.FILE),
          "an empty folder, or features of the same options");
    }
    return complete
        ? Optional.of(Inputs.features("--output", output)).filter(found -> found.rows() > 0)
        : Optional.empty();
  }
}
