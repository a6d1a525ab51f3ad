package dev.beit2.pipelines;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.ImageDecoder;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.bench.ModelBenchmark;
import dev.beit2.model.bench.ModelBenchmark.Rate;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.VqKdTrainer;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Measures this machine: ViT-B/16 as tokenizer and in pretraining, beside the machine's own rate of
 * matrix products in the same precision, so that the share of what is possible can be read off;
 * decoding; and the pipeline {@code tokenize} beside the bare tokenizer.
 */
public final class Bench {
  static final Command<Options> COMMAND =
      new Command<>(
          "bench",
          "Measures what this machine can do with ViT-B/16: tokenizer and pretraining step in fp32"
              + " and bf16 beside its rate of matrix products, decoding, and the pipeline tokenize"
              + " beside the bare tokenizer. Takes about four minutes on 2 cores.",
          Options.class,
          Command.cores(),
          options -> {
            run(options);
            return CommandLine.OK;
          });

  // ImageNet's usual size.
  private static final int PHOTOGRAPH_WIDTH = 500;
  private static final int PHOTOGRAPH_HEIGHT = 375;
  private static final double DECODING_SECONDS = 5;

  private Bench() {}

  /** The options of {@code ./beit2 bench}. */
  public interface Options extends PipelineOptions {
    @Description("File for the numbers.")
    @Default.String("bench.json")
    String getOutput();

    void setOutput(String output);

    @Description("Pictures a forward or step.")
    @Default.Integer(8)
    @Range(min = 1, max = 4096)
    int getBatchSize();

    void setBatchSize(int batchSize);

    @Description("Pictures that the pipeline tokenize is measured on; 0 leaves it out.")
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
    Torch.setThreads(Command.cores());
    Map<String, Object> numbers = new LinkedHashMap<>();
    numbers.put("processors", Command.cores());
    numbers.put("batchSize", options.getBatchSize());
    List<byte[]> photographs = photographs();
    Path folder = Files.createTempDirectory("beit2-bench");
    try {
      VqKdConfig config = VqKdConfig.preset("base", 8192, 32, 108);
      writeTokenizer(config, folder.resolve("tokenizer"));
      double bare = 0;
      System.out.printf("%-34s %12s %12s %12s%n", "", "images/s", "GFLOP/s", "of matmul");
      for (Precision precision : Precision.values()) {
        double rate = models(precision, options.getBatchSize(), config, folder, numbers);
        bare = precision == Precision.FP32 ? rate : bare;
      }
      decoding(photographs, numbers);
      if (options.getPipelineImages() > 0) {
        pipeline(options, photographs, folder, bare, numbers);
      }
    } finally {
      delete(folder);
    }
    new StoredFile(options.getOutput()).write(Json.pretty(numbers));
    System.out.println("written to " + options.getOutput());
  }

  /** Returns the tokenizer's images a second. */
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
                .open(TrainingLoop.MODEL);
        Tokenizer tokenizer = Tokenizer.read(in, precision)) {
      tokenizing = benchmark.tokenizer(tokenizer, config);
    }
    print("tokenizer ViT-B/16 " + name, tokenizing, matmul);
    Rate training = benchmark.pretraining(MimConfig.preset("base", config.codebookSize()));
    print("pretraining step ViT-B/16 " + name, training, matmul);
    numbers.put(
        name,
        Map.of(
            "matrixMultiplyGflops", matmul / 1e9,
            "tokenizer", json(tokenizing, matmul),
            "pretraining", json(training, matmul)));
    return tokenizing.imagesPerSecond();
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

  /** Decode, jitter, crop, resize to 224 and flip, as a view is made, on one thread. */
  private static void decoding(List<byte[]> photographs, Map<String, Object> numbers) {
    Augmentation augmentation = Augmentation.pretraining();
    ImageBatch batch = new ImageBatch(1, 224);
    int images = 0;
    long start = 0;
    // The first pass warms up.
    for (int i = 0; ; i++) {
      if (i == photographs.size()) {
        start = System.nanoTime();
        images = 0;
      } else if (i > photographs.size() && System.nanoTime() - start > DECODING_SECONDS * 1e9) {
        break;
      }
      RgbImage pixels = decode(photographs.get(i % photographs.size()));
      View view = augmentation.sample(1, "bench", i, pixels.width(), pixels.height());
      batch.put(0, pixels.render(view, 224));
      images++;
    }
    double rate = images / ((System.nanoTime() - start) / 1e9);
    System.out.printf(
        "%-34s %12.1f  per core, %d x %d%n",
        "decode + augment", rate, PHOTOGRAPH_WIDTH, PHOTOGRAPH_HEIGHT);
    numbers.put("decodeAndAugmentImagesPerSecondPerCore", rate);
  }

  private static RgbImage decode(byte[] photograph) {
    try {
      return ImageDecoder.decode(photograph);
    } catch (UndecodableImageException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void pipeline(
      Options options,
      List<byte[]> photographs,
      Path folder,
      double bare,
      Map<String, Object> numbers)
      throws IOException {
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

  /** A run's folder with an untrained tokenizer: as fast as a trained one. */
  private static void writeTokenizer(VqKdConfig config, Path run) throws IOException {
    try (VqKdTrainer untrained =
        VqKdTrainer.start(
            config,
            Teacher.hog(Kernels.of(Precision.FP32), config.encoder().patchSize()),
            AdamWConfig.tokenizer(),
            new CosineSchedule(1e-4, 0, 0, 0, 1),
            1,
            Precision.FP32)) {
      RunDirectory.open(run.toString(), new RunConfig(new TreeMap<>()))
          .writeCheckpoint(0, Map.of(TrainingLoop.MODEL, untrained::writeModel), Map.of());
    }
  }

  /**
   * The sample photographs, enlarged to ImageNet's usual size: real content, real entropy of a
   * JPEG's stream.
   */
  private static List<byte[]> photographs() throws IOException {
    ImageFolder samples = ImageFolder.list(Demo.samples() + "/train");
    List<byte[]> photographs = new ArrayList<>();
    for (ImageFolder.Entry entry : samples.entries()) {
      RgbImage small = decode(samples.read(entry));
      BufferedImage large =
          new BufferedImage(PHOTOGRAPH_WIDTH, PHOTOGRAPH_HEIGHT, BufferedImage.TYPE_INT_RGB);
      byte[] rgb =
          small
              .resize(0, 0, small.width(), small.height(), PHOTOGRAPH_WIDTH, PHOTOGRAPH_HEIGHT)
              .rgb();
      for (int i = 0; i < PHOTOGRAPH_WIDTH * PHOTOGRAPH_HEIGHT; i++) {
        int pixel = (rgb[3 * i] & 255) << 16 | (rgb[3 * i + 1] & 255) << 8 | rgb[3 * i + 2] & 255;
        large.setRGB(i % PHOTOGRAPH_WIDTH, i / PHOTOGRAPH_WIDTH, pixel);
      }
      ByteArrayOutputStream jpeg = new ByteArrayOutputStream();
      ImageIO.write(large, "jpeg", jpeg);
      photographs.add(jpeg.toByteArray());
    }
    return photographs;
  }

  private static void delete(Path folder) throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.sorted((a, b) -> b.compareTo(a)).toList()) {
        Files.delete(file);
      }
    }
  }
}
