package dev.beit2.pipelines.demo;

import dev.beit2.io.Json;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.shard.ShardVerification;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Home;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.LocalFolder;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.report.DemoSummary;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Runs all stages on the sample photographs in one JVM: tokenizer, shards, pretraining, evaluation.
 * Each stage is the same pipeline as for a large dataset.
 */
public final class Demo {
  static final String NAME = "demo";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "the whole pipeline on sample photographs, in minutes: start here",
              "Trains a small tokenizer and a small masked image model on the project's sample photographs, compares what was "
                  + "learned with an untrained network, and writes report.html and summary.json.",
              Options.class,
              options -> {
                print(run(options), options.getOutput(), System.out);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors());

  // Marks a folder as that of a demo, which the next demo may overwrite.
  private static final String MARK = "demo.json";
  private static final List<String> STAGE_FOLDERS =
      List.of("tokenizer", "shards", "pretrain", "evaluation");

  private final Options options;
  private final String samples;
  private final Map<String, Double> seconds = new LinkedHashMap<>();

  private Demo(Options options) {
    this.options = options;
    this.samples = options.getSamples() != null ? options.getSamples() : Home.samples().toString();
  }

  /** The options of {@code ./beit2 demo}. */
  public interface Options extends PipelineOptions {
    @Description("Folder for everything that is written; that of an earlier demo is overwritten.")
    @Default.String("beit2-demo")
    String getOutput();

    void setOutput(String output);

    @Description(
        "Seed of everything that is random; the same seed gives the same numbers on the same machine.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);

    @Description(
        "Folder with train/CLASS/… and val/CLASS/…. Left out: the project's sample photographs.")
    String getSamples();

    void setSamples(String samples);

    @Description("Training steps of the tokenizer.")
    @Default.Long(150)
    @Range(min = 2)
    long getTokenizerSteps();

    void setTokenizerSteps(long tokenizerSteps);

    @Description("Pretraining steps.")
    @Default.Long(600)
    @Range(min = 2)
    long getPretrainSteps();

    void setPretrainSteps(long pretrainSteps);
  }

  /** {@code ./beit2 demo}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /** One stage of the demo. */
  private interface Stage {
    void run(String name) throws IOException, InterruptedException;
  }

  /** Runs all stages, and returns what {@code summary.json} then contains. */
  static DemoSummary run(Options options) throws IOException, InterruptedException {
    return new Demo(options).run();
  }

  private DemoSummary run() throws IOException, InterruptedException {
    ImageFolder train = Inputs.images("--samples", samples + "/train");
    prepareOutput();
    String input = "--input=" + samples + "/train";
    String seed = "--seed=" + options.getSeed();
    stage(
        "1/5",
        "train-tokenizer",
        name ->
            TrainTokenizer.run(
                CommandLine.parse(
                    TrainTokenizer.COMMAND,
                    arguments(
                        input,
                        "--preset=tiny",
                        "--validation=" + samples + "/val",
                        "--output=" + folder("tokenizer"),
                        "--steps=" + options.getTokenizerSteps(),
                        seed)),
                name));
    stage(
        "2/5",
        "tokenize",
        name ->
            TokenizeDataset.run(
                CommandLine.parse(
                    TokenizeDataset.COMMAND,
                    arguments(
                        input,
                        "--tokenizer=" + folder("tokenizer"),
                        "--output=" + folder("shards"),
                        // With so few images, colours help to distinguish them.
                        "--colorJitter=0",
                        seed)),
                name));
    stage("3/5", "verify", this::verify);
    stage(
        "4/5",
        "pretrain",
        name ->
            PretrainMim.run(
                CommandLine.parse(
                    PretrainMim.COMMAND,
                    arguments(
                        "--shards=" + folder("shards"),
                        "--preset=tiny",
                        "--output=" + folder("pretrain"),
                        "--steps=" + options.getPretrainSteps(),
                        seed)),
                name));
    stage(
        "5/5",
        "evaluate",
        name ->
            Evaluate.run(
                CommandLine.parse(
                    Evaluate.COMMAND,
                    arguments(
                        "--backbone=" + folder("pretrain"),
                        "--train=" + samples + "/train",
                        "--validation=" + samples + "/val",
                        "--output=" + folder("evaluation"),
                        "--leaveOneOut=true",
                        "--untrained=true",
                        seed)),
                name));
    return DemoResults.write(
        options.getOutput(), options.getSeed(), train.entries().size(), seconds);
  }

  private static String[] arguments(String... arguments) {
    return arguments;
  }

  private String folder(String stage) {
    return options.getOutput() + "/" + stage;
  }

  private void stage(String number, String name, Stage stage)
      throws IOException, InterruptedException {
    long start = System.nanoTime();
    stage.run(number + " " + name);
    seconds.put(name, Math.round((System.nanoTime() - start) / 1e7) / 1e2);
  }

  private void verify(String name) {
    ShardVerification found = ShardVerification.verify(folder("shards"));
    if (!found.sound()) {
      throw new IllegalStateException(
          "the shards just written are not sound: " + String.join("; ", found.problems()));
    }
    System.err.printf("[%s] shards are sound%n", name);
  }

  /** Makes the folder; in that of an earlier demo, deletes the folders of its stages. */
  private void prepareOutput() throws IOException {
    String given = StoredFile.withoutLastSlash(options.getOutput());
    Path output =
        new StoredFile(given)
            .localPath()
            .orElseThrow(
                () ->
                    new InvalidOptionException(
                        "--output=" + given, "no folder of this disk", "one of this disk"));
    if (Files.exists(output) && !Files.exists(output.resolve(MARK)) && !isEmptyFolder(output)) {
      throw new InvalidOptionException(
          "--output=" + given,
          "something that no demo wrote",
          "a new or empty folder, or one of an earlier demo");
    }
    for (String stage : STAGE_FOLDERS) {
      LocalFolder.delete(output.resolve(stage));
    }
    Files.createDirectories(output);
    Files.writeString(output.resolve(MARK), Json.pretty(Map.of("command", NAME)));
  }

  private static boolean isEmptyFolder(Path path) throws IOException {
    if (!Files.isDirectory(path)) {
      return false;
    }
    try (Stream<Path> files = Files.list(path)) {
      return files.findAny().isEmpty();
    }
  }

  private static void print(DemoSummary summary, String output, PrintStream out) {
    DemoSummary.Tokenizer tokenizer = summary.tokenizer();
    DemoSummary.Pretrain pretrain = summary.pretrain();
    DemoSummary.Knn knn = summary.knn();
    double total = summary.seconds().values().stream().mapToDouble(Double::doubleValue).sum();
    out.printf(
        "%nTokenizer    loss %.3f -> %.3f, %d of %d codes in use, perplexity %.0f%n",
        tokenizer.firstLoss(),
        tokenizer.lastLoss(),
        tokenizer.codesInUse(),
        tokenizer.codebookSize(),
        tokenizer.perplexity());
    out.printf(
        "Pretraining  loss %.2f -> %.2f, %.0f %% of the masked patches predicted correctly%n",
        pretrain.firstLoss(), pretrain.lastLoss(), 100 * pretrain.maskedAccuracy());
    out.printf(
        "k-NN         [CLS] %.2f (untrained %.2f, gain %+.2f ± %.2f), mean of patches %.2f (untrained %.2f)%n",
        knn.cls(),
        knn.untrainedCls(),
        knn.cls() - knn.untrainedCls(),
        knn.clsGainError(),
        knn.mean(),
        knn.untrainedMean());
    out.printf(
        "Took         %s and at most %d MiB%n%n",
        Progress.span(Duration.ofMillis(Math.round(total * 1e3))), summary.peakResidentMegabytes());
    out.printf("%s/report.html    curves, codes, images: open it in a browser%n", output);
    out.printf("%s/summary.json   these numbers%n", output);
    for (String stage : STAGE_FOLDERS) {
      out.printf("%s/%s%n", output, stage);
    }
  }
}
