package dev.beit2.pipelines;

import dev.beit2.io.image.ImageDatasetIO;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.shard.MimShardIO;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import java.io.IOException;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * Precomputes the codes of the patches of several views of each image, and stores both as MIM
 * shards.
 */
public final class TokenizeDataset {
  static final String NAME = "tokenize";

  /** The Beam counter of images that were left out. */
  static final String REJECTED_IMAGES = "rejected_images";

  static final Command<Options> COMMAND =
      new Command<>(
          NAME,
          "Draws several views of each image, computes the code of each of their patches with a trained tokenizer, and "
              + "writes images, views and codes as MIM shards, which are all that pretraining needs.",
          Options.class,
          Command.cores(),
          options -> {
            run(options, NAME);
            return CommandLine.OK;
          });

  private TokenizeDataset() {}

  /** The options of {@code ./beit2 tokenize}. */
  public interface Options extends DecodingOptions {
    @Description(
        "Images: a folder, or a glob; what is not decodable is left out and listed in OUTPUT/rejected.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description("The tokenizer: a run of ./beit2 train-tokenizer, or one of its checkpoints.")
    @Validation.Required
    String getTokenizer();

    void setTokenizer(String tokenizer);

    @Description("Folder of the shards; manifest.json is written last.")
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

    @Description("Decides which views are drawn.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);

    @Description(
        "Arithmetic of matrix products and attention: fp32 is exact, bf16 faster where the processor has it.")
    @Default.String("fp32")
    @OneOf({"fp32", "bf16"})
    String getPrecision();

    void setPrecision(String precision);

    @Description("Megabytes of a shard, about.")
    @Default.Integer(256)
    @Range(min = 1, max = 10000)
    int getShardMegabytes();

    void setShardMegabytes(int shardMegabytes);

    @Description(
        "Views that the tokenizer sees at once. With --views or a divisor of it, codes never depend on other images.")
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
   * Writes the shards.
   *
   * @param stage what progress is told as
   */
  static void run(Options options, String stage) throws IOException {
    int images = Inputs.images("--input", options.getInput()).entries().size();
    Precision precision = Precisions.parse(options.getPrecision());
    ShardMetadata shards;
    try (Tokenizer tokenizer = tokenizer(options, precision)) {
      shards =
          new ShardMetadata(
              tokenizer.digest(),
              tokenizer.codebookSize(),
              tokenizer.grid(),
              tokenizer.imageSize(),
              options.getViews(),
              options.getSeed());
    }
    PatchEncoder.Source encoder =
        new PatchEncoder.Checkpointed(options.getTokenizer(), shards.tokenizerDigest(), precision);
    Pipeline pipeline = Pipeline.create(options);
    PCollectionTuple views =
        pipeline
            .apply("Read images", ImageDatasetIO.readFolder(options.getInput()))
            .apply(
                "Encode views",
                new EncodeViews(
                    encoder,
                    shards,
                    DecodingOptions.limits(options),
                    options.getColorJitter(),
                    options.getBatchSize(),
                    torchThreads(options),
                    stage));
    views
        .get(EncodeViews.ENCODED)
        .apply(
            "Write shards",
            MimShardIO.write(options.getOutput(), shards)
                .withShardMegabytes(options.getShardMegabytes()));
    views
        .get(EncodeViews.REJECTED)
        .apply("Write rejected", RejectedImages.write(options.getOutput() + "/rejected"));
    try (LocalProgress progress = LocalProgress.begin(stage, images)) {
      pipeline.run().waitUntilFinish();
    }
    if (Inputs.shards("--output", options.getOutput()).rows() == 0) {
      throw new InvalidOptionException(
          "--input=" + options.getInput(),
          images
              + " images of which none can be decoded (see "
              + options.getOutput()
              + "/rejected)",
          "at least one that can");
    }
  }

  private static Tokenizer tokenizer(Options options, Precision precision) throws IOException {
    return Inputs.model("--tokenizer", options.getTokenizer(), in -> Tokenizer.read(in, precision));
  }

  /** Where several workers of a JVM run at once, each gets its share of the cores. */
  static int torchThreads(PipelineOptions options) {
    int parallelism =
        options.getRunner() == FlinkRunner.class
            ? options.as(FlinkPipelineOptions.class).getParallelism()
            : Command.cores();
    return Math.max(1, Command.cores() / Math.max(1, parallelism));
  }
}
