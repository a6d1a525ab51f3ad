package dev.beit2.pipelines.bench;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.bench.ModelBenchmark;
import dev.beit2.model.bench.ModelBenchmark.Rate;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.VqKdTrainer;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.LocalFolder;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Measures the speed of ViT-B/16 on this machine, as tokenizer and in pretraining, compared with
 * the machine's rate of matrix products in the same precision, and of the {@code tokenize}
 * pipeline, compared with the tokenizer alone. {@link DataBench} measures the data plane.
 */
public final class Bench {
  public static final Command<Options> COMMAND =
      Command.of(
              "bench",
              "what this machine can do",
              "Measures what this machine can do with ViT-B/16: the tokenizer and a pretraining step in fp32 and bf16, compared "
                  + "with its rate of matrix products, a small step alone and beside a busy process, and the tokenize "
                  + "pipeline, compared with the tokenizer alone (about four minutes on 2 cores); or the data plane (less "
                  + "than one minute).",
              Options.class,
              options -> {
                run(options);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors());

  private Bench() {}

  /** The options of {@code ./beit2 bench}. */
  public interface Options extends PipelineOptions {
    @Description("File for the numbers.")
    @Default.String("bench.json")
    String getOutput();

    void setOutput(String output);

    @Description(
        "Measures the data plane instead: decoding, compared with Pillow if python3 has it; tokenize with a tokenizer that "
            + "costs nothing; reading shards, compared with the disk.")
    @Default.Boolean(false)
    boolean getData();

    void setData(boolean data);

    @Description(
        "With --data: a local folder of images to tokenize. Left out: 2000 images made from the sample photographs.")
    String getImages();

    void setImages(String images);

    @Description("Images per forward pass or step.")
    @Default.Integer(8)
    @Range(min = 1, max = 4096)
    int getBatchSize();

    void setBatchSize(int batchSize);

    @Description("Images that the tokenize pipeline is measured on; 0 skips it.")
    @Default.Integer(330)
    @Range(min = 0, max = 100000)
    int getPipelineImages();

    void setPipelineImages(int images);
  }

  /** {@code ./beit2 bench}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  private static void run(Options options) throws IOException {
    Map<String, Object> numbers = new LinkedHashMap<>();
    numbers.put("processors", FlinkTarget.processors());
    Path folder = Files.createTempDirectory("beit2-bench");
    try {
      if (options.getData()) {
        numbers.putAll(DataBench.run(folder, options.getImages()));
      } else {
        network(options, folder, numbers);
      }
    } finally {
      LocalFolder.delete(folder);
    }
    new StoredFile(options.getOutput()).write(Json.pretty(numbers));
    System.out.println("written to " + options.getOutput());
  }

  private static void network(Options options, Path folder, Map<String, Object> numbers)
      throws IOException {
    Torch.setThreads(FlinkTarget.processors());
    numbers.put("batchSize", options.getBatchSize());
    VqKdConfig config = TokenizerRecipe.BASE.network(Teacher.hogDimension(16));
    writeTokenizer(config, folder.resolve("tokenizer"));
    double bare = 0;
    System.out.printf("%-34s %12s %12s %12s%n", "", "images/s", "GFLOP/s", "of matmul");
    for (Precision precision : Precision.values()) {
      double rate = models(precision, options.getBatchSize(), config, folder, numbers);
      bare = precision == Precision.FP32 ? rate : bare;
    }
    shared(options, config, numbers);
    if (options.getPipelineImages() > 0) {
      pipeline(options, folder, bare, numbers);
    }
  }

  /** Measures one precision, and returns the images per second of the tokenizer. */
  private static double models(
      Precision precision, int batch, VqKdConfig config, Path folder, Map<String, Object> numbers)
      throws IOException {
    ModelBenchmark benchmark = new ModelBenchmark(precision, batch);
    String name = precision.name().toLowerCase(Locale.ROOT);
    double matmul = benchmark.matrixMultiplyFlops(config.encoder());
    System.out.printf("%-34s %12s %12.1f%n", "matrix multiply " + name, "", matmul / 1e9);
    Rate tokenizing;
    try (ReadableByteChannel in =
            RunDirectory.locate("--tokenizer", folder.resolve("tokenizer").toString())
                .open(Checkpoint.MODEL);
        Tokenizer tokenizer = Tokenizer.read(in, precision)) {
      tokenizing = benchmark.tokenizer(tokenizer, config);
    }
    print("tokenizer ViT-B/16 " + name, tokenizing, matmul);
    Rate training = benchmark.pretraining(PretrainingRecipe.BASE, config.codebookSize());
    print("pretraining step ViT-B/16 " + name, training, matmul);
    numbers.put(
        name,
        Map.of(
            "matrixMultiplyGflops", matmul / 1e9,
            "tokenizer", json(tokenizing, matmul),
            "pretraining", json(training, matmul)));
    return tokenizing.imagesPerSecond();
  }

  /**
   * Measures steps of a small network, whose threads wait for each other often, alone and beside
   * another process: on a machine that is shared, threads that spin while they wait keep others
   * from getting there.
   */
  private static void shared(Options options, VqKdConfig config, Map<String, Object> numbers)
      throws IOException {
    ModelBenchmark benchmark = new ModelBenchmark(Precision.FP32, options.getBatchSize());
    double alone = step(benchmark, config);
    double beside;
    try (BusyProcess other = BusyProcess.start()) {
      beside = step(benchmark, config);
    }
    String what = "pretraining step tiny fp32";
    System.out.printf("%-34s %12.2f%n", what, alone);
    System.out.printf(
        "%-34s %12.2f  %.0f%% of that alone%n",
        "  beside one busy process", beside, 100 * beside / alone);
    numbers.put(
        "sharedMachine",
        Map.of("aloneImagesPerSecond", alone, "besideBusyProcessImagesPerSecond", beside));
  }

  private static double step(ModelBenchmark benchmark, VqKdConfig config) {
    return benchmark.pretraining(PretrainingRecipe.TINY, config.codebookSize()).imagesPerSecond();
  }

  private static void print(String what, Rate rate, double matmul) {
    System.out.printf(
        "%-34s %12.2f %12.1f %11.0f%%%n",
        what,
        rate.imagesPerSecond(),
        rate.flopsPerSecond() / 1e9,
        100 * rate.flopsPerSecond() / matmul);
  }

  private static Map<String, Double> json(Rate rate, double matmul) {
    return new TreeMap<>(
        Map.of(
            "imagesPerSecond", rate.imagesPerSecond(),
            "gflops", rate.flopsPerSecond() / 1e9,
            "shareOfMatrixMultiply", rate.flopsPerSecond() / matmul));
  }

  private static void pipeline(
      Options options, Path folder, double bare, Map<String, Object> numbers) throws IOException {
    List<byte[]> photographs = DataBench.photographs();
    Path images = Files.createDirectories(folder.resolve("images"));
    for (int i = 0; i < options.getPipelineImages(); i++) {
      Files.write(images.resolve(i + ".jpeg"), photographs.get(i % photographs.size()));
    }
    TokenizeDataset.Options tokenize =
        CommandLine.parse(
            TokenizeDataset.COMMAND,
            new String[] {
              "--input=" + images,
              "--tokenizer=" + folder.resolve("tokenizer"),
              "--output=" + folder.resolve("shards"),
              "--views=1",
              "--batchSize=" + options.getBatchSize()
            });
    long start = System.nanoTime();
    TokenizeDataset.run(tokenize, "tokenize");
    double rate = options.getPipelineImages() / ((System.nanoTime() - start) / 1e9);
    System.out.printf(
        "%-34s %12.2f  %.0f%% of the bare tokenizer%n",
        "pipeline tokenize fp32, 1 view", rate, 100 * rate / bare);
    numbers.put(
        "pipelineTokenize", Map.of("imagesPerSecond", rate, "shareOfBareTokenizer", rate / bare));
  }

  /** Writes a run with an untrained tokenizer, which is as fast as a trained one. */
  private static void writeTokenizer(VqKdConfig config, Path run) throws IOException {
    try (VqKdTrainer untrained =
        VqKdTrainer.start(
            config,
            Teacher.hog(Kernels.of(Precision.FP32), config.encoder().patchSize()),
            TokenizerRecipe.BASE.optimizer(),
            new CosineSchedule(1e-4, 0, 0, 0, 1),
            1,
            Precision.FP32)) {
      RunDirectory.open(run.toString(), new RunConfig(new TreeMap<>()))
          .writeCheckpoint(
              CheckpointState.untrained(1), Map.of(Checkpoint.MODEL, untrained::writeModel));
    }
  }
}
