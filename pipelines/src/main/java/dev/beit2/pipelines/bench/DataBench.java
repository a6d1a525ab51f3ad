package dev.beit2.pipelines.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageEncoder;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.pipelines.cli.Home;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.PeakMemory;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.annotation.Nullable;

/**
 * Measures the data plane: decoding, the {@code tokenize} pipeline without a network, and reading
 * of shards. Each part prints its numbers and returns them for {@code bench.json}.
 */
final class DataBench {
  // The usual size of ImageNet, tiled with unscaled crops of the sample photographs.
  static final int WIDTH = 500;
  static final int HEIGHT = 375;
  private static final int TILE = 125;
  private static final int QUALITY = 90;
  private static final int PHOTOGRAPHS = 400;
  private static final int COPIES = 5;

  // Processor time, which includes garbage collection: other processes of the machine do not count.
  private static final OperatingSystemMXBean PROCESS =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  private static final int SIZE = 224;
  private static final int WARM_UP = 5;
  private static final int ROUNDS = 10;

  private DataBench() {}

  /**
   * Runs all parts.
   *
   * @param folder for temporary files
   * @param images local folder of images to tokenize, or null to make them from the samples
   */
  static Map<String, Object> run(Path folder, @Nullable String images) throws IOException {
    List<byte[]> photographs = photographs();
    Map<String, Object> numbers = new LinkedHashMap<>();
    numbers.put("decoding", decoding(photographs, folder));
    numbers.put(
        "tokenize",
        tokenizing(images == null ? write(photographs, folder).toString() : images, folder));
    return numbers;
  }

  /** Writes copies of the photographs, so many that the start of a pipeline hardly counts. */
  private static Path write(List<byte[]> photographs, Path folder) throws IOException {
    Path images = Files.createDirectory(folder.resolve("images"));
    for (int i = 0; i < COPIES * photographs.size(); i++) {
      Files.write(images.resolve(i + ".jpeg"), photographs.get(i % photographs.size()));
    }
    return images;
  }

  private static List<Object> tokenizing(String images, Path folder) throws IOException {
    ImageFolder listed = Inputs.images("--images", images);
    List<Object> numbers = new ArrayList<>();
    for (int views : new int[] {8, 1}) {
      Path work = folder.resolve("tokenize-" + views);
      TokenizeBenchmark.Costs costs = TokenizeBenchmark.measure(listed, images, views, work);
      System.out.printf(
          "tokenize, %d views of %d images, stub tokenizer: %.2f ms of a core an image, %.2f decoding"
              + " alone: %.0f%% of the decoder's rate; %.0f images/s on %d cores; peak %d MiB%n",
          views,
          costs.images(),
          costs.processor(),
          costs.decoding(),
          100 * costs.fraction(),
          1000 / costs.wall(),
          FlinkTarget.processors(),
          PeakMemory.megabytes());
      ShardReadingBenchmark.Rates rates =
          ShardReadingBenchmark.measure(work.resolve(TokenizeBenchmark.SHARDS).toString());
      System.out.printf(
          "reading its shards, an epoch's order: %.0f MB/s; the files %.0f MB/s from the page cache, %s%n",
          rates.shards(),
          rates.cached(),
          rates.disk().isPresent()
              ? "%.0f from the disk".formatted(rates.disk().getAsDouble())
              : "unknown from the disk");
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("views", views);
      json.put("images", costs.images());
      json.put("coreMillisecondsAnImage", costs.processor());
      json.put("decodingAloneMillisecondsAnImage", costs.decoding());
      json.put("shareOfDecodersRate", costs.fraction());
      json.put("imagesPerSecond", 1000 / costs.wall());
      json.put("peakMebibytes", PeakMemory.megabytes());
      json.put("shardReadingMegabytesPerSecond", rates.shards());
      json.put("cachedFilesMegabytesPerSecond", rates.cached());
      rates.disk().ifPresent(rate -> json.put("diskMegabytesPerSecond", rate));
      numbers.add(json);
    }
    return numbers;
  }

  /** Work that is measured, on one photograph. */
  private interface Work {
    void on(int photograph) throws UndecodableImageException;
  }

  /**
   * Images per second on one thread, in turns with Pillow, which does the same to the same files.
   */
  private static Map<String, Object> decoding(List<byte[]> photographs, Path folder)
      throws IOException {
    List<View> plain =
        views(photographs.size(), Augmentation.randomResizedCrop(PretrainingRecipe.MIN_CROP_SCALE));
    List<View> jittered =
        views(
            photographs.size(),
            Augmentation.randomResizedCrop(PretrainingRecipe.MIN_CROP_SCALE)
                .withJitter(PretrainingRecipe.COLOR_JITTER));
    ImageBatch batch = new ImageBatch(1, SIZE);
    Map<String, Work> works = new LinkedHashMap<>();
    works.put("decode", i -> open(photographs.get(i)).pixels());
    works.put("view", i -> batch.put(0, open(photographs.get(i)).render(plain.get(i), SIZE)));
    works.put("jitter", i -> batch.put(0, open(photographs.get(i)).render(jittered.get(i), SIZE)));
    Map<String, String> names =
        Map.of(
            "decode", "decode",
            "view", "decode + crop + resize + normalize",
            "jitter", "the same with colour jitter");

    Map<String, Object> numbers = new LinkedHashMap<>();
    Optional<PillowProcess> pillow =
        PillowProcess.start(folder, writeBoxes(photographs, plain, folder));
    try {
      for (int i = 0; i < WARM_UP; i++) {
        for (Work work : works.values()) {
          imagesPerSecond(work, photographs.size());
        }
      }
      numbers.put("pillow", pillow.map(PillowProcess::version).orElse("none"));
      System.out.println(
          pillow
              .map(p -> "beside " + p.version() + ", ratios of the best and within rounds")
              .orElse("not beside Pillow: python3 does not run with Pillow and numpy"));
      for (Map.Entry<String, Work> work : works.entrySet()) {
        boolean both = pillow.isPresent() && !work.getKey().equals("jitter");
        Rates rates = new Rates();
        for (int i = 0; i < ROUNDS; i++) {
          rates.add(
              imagesPerSecond(work.getValue(), photographs.size()),
              both ? photographs.size() / pillow.get().seconds(work.getKey()) : Double.NaN);
        }
        rates.print(names.get(work.getKey()));
        numbers.put(work.getKey(), rates.json());
      }
    } finally {
      if (pillow.isPresent()) {
        pillow.get().close();
      }
    }
    return numbers;
  }

  /** Rates of this decoder and of Pillow over all rounds. */
  private static final class Rates {
    private double best;
    private double bestOfPillow = Double.NaN;
    private double lowest = Double.NaN;
    private double highest = Double.NaN;

    void add(double rate, double pillowRate) {
      best = Math.max(best, rate);
      bestOfPillow = Double.isNaN(bestOfPillow) ? pillowRate : Math.max(bestOfPillow, pillowRate);
      double ratio = rate / pillowRate;
      lowest = Double.isNaN(lowest) ? ratio : Math.min(lowest, ratio);
      highest = Double.isNaN(highest) ? ratio : Math.max(highest, ratio);
    }

    void print(String what) {
      System.out.printf("%-36s %8.0f images/s per core, %d x %d", what, best, WIDTH, HEIGHT);
      if (!Double.isNaN(bestOfPillow)) {
        System.out.printf(
            "  Pillow %.0f: %.2f times (%.2f to %.2f)",
            bestOfPillow, best / bestOfPillow, lowest, highest);
      }
      System.out.println();
    }

    Map<String, Double> json() {
      Map<String, Double> json = new LinkedHashMap<>();
      json.put("imagesPerSecondPerCore", best);
      if (!Double.isNaN(bestOfPillow)) {
        json.put("pillowImagesPerSecondPerCore", bestOfPillow);
        json.put("ratio", best / bestOfPillow);
        json.put("lowestRatioOfARound", lowest);
        json.put("highestRatioOfARound", highest);
      }
      return json;
    }
  }

  private static double imagesPerSecond(Work work, int photographs) {
    long start = PROCESS.getProcessCpuTime();
    try {
      for (int i = 0; i < photographs; i++) {
        work.on(i);
      }
    } catch (UndecodableImageException e) {
      throw new IllegalStateException(e);
    }
    return photographs / ((PROCESS.getProcessCpuTime() - start) / 1e9);
  }

  private static EncodedImage open(byte[] photograph) throws UndecodableImageException {
    return EncodedImage.open(photograph, DecodingLimits.DEFAULT);
  }

  private static List<View> views(int count, Augmentation augmentation) {
    List<View> views = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      views.add(augmentation.sample(1, "bench", i, WIDTH, HEIGHT));
    }
    return views;
  }

  private static Path writeBoxes(List<byte[]> photographs, List<View> views, Path folder)
      throws IOException {
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < photographs.size(); i++) {
      Path file = Files.write(folder.resolve(i + ".jpeg"), photographs.get(i));
      View box = views.get(i);
      lines.add(
          "%s\t%d\t%d\t%d\t%d"
              .formatted(
                  file, box.left(), box.top(), box.left() + box.width(), box.top() + box.height()));
    }
    return Files.write(folder.resolve("boxes.tsv"), lines);
  }

  /**
   * Mosaics of the sample photographs as JPEGs of the usual size of ImageNet, with the content and
   * the entropy of photographs.
   */
  static List<byte[]> photographs() throws IOException {
    ImageFolder samples = ImageFolder.list(Home.samples().resolve("train").toString());
    List<RgbImage> tiles = new ArrayList<>();
    for (ImageFolder.Entry entry : samples.entries()) {
      try {
        tiles.add(open(samples.read(entry)).pixels());
      } catch (UndecodableImageException e) {
        throw new IllegalStateException(entry.key(), e);
      }
    }
    List<byte[]> photographs = new ArrayList<>();
    int next = 0;
    for (int i = 0; i < PHOTOGRAPHS; i++) {
      byte[] mosaic = new byte[3 * WIDTH * HEIGHT];
      for (int y = 0; y < HEIGHT; y += TILE) {
        for (int x = 0; x < WIDTH; x += TILE) {
          put(tiles.get(next++ % tiles.size()), mosaic, x, y);
        }
      }
      photographs.add(ImageEncoder.jpeg(new RgbImage(WIDTH, HEIGHT, mosaic), QUALITY));
    }
    return photographs;
  }

  /** Copies the upper left corner of an image; sides of samples have at least 144 pixels. */
  private static void put(RgbImage image, byte[] mosaic, int x, int y) {
    for (int row = 0; row < TILE; row++) {
      int from = 3 * row * image.width();
      System.arraycopy(image.rgb(), from, mosaic, 3 * ((y + row) * WIDTH + x), 3 * TILE);
    }
  }
}
