package dev.beit2.pipelines.bench;

import com.sun.management.OperatingSystemMXBean;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.tokenize.PatchEncoder;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.tokenize.ViewRecipe;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Measures the {@code tokenize} pipeline with a tokenizer that costs nothing, compared with the
 * decoding of its views alone: the cost of Beam, the shuffle and the shards per image.
 */
final class TokenizeBenchmark {
  private static final OperatingSystemMXBean PROCESS =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
  private static final int SIZE = 224;
  private static final int PATCH = 16;
  private static final int CODEBOOK = 8192;
  private static final int BATCH = 8;
  private static final int WARM_UP_VIEWS = 4000;
  private static final int DECODED_VIEWS = 4000;

  /** Subfolder of the measured shards. */
  static final String SHARDS = "shards";

  /**
   * Costs per image, in milliseconds.
   *
   * @param images number of images in the pipeline
   * @param views number of views per image
   * @param decoding processor time to read, decode and render the views on one thread
   * @param processor processor time of the whole pipeline
   * @param wall elapsed time of the whole pipeline on all cores
   */
  record Costs(int images, int views, double decoding, double processor, double wall) {
    /** The pipeline's rate per core as a fraction of the decoder's. */
    double fraction() {
      return decoding / processor;
    }
  }

  private TokenizeBenchmark() {}

  /** Derives the code of a patch from one of its pixels, which costs almost nothing. */
  private record StubTokenizer() implements PatchEncoder.Source {
    private static final long serialVersionUID = 1L;
    private static final int GRID = SIZE / PATCH;

    @Override
    public PatchEncoder open() {
      return new PatchEncoder() {
        @Override
        public void encode(ByteBuffer images, int batch, int[] codes) {
          for (int i = 0; i < batch * GRID * GRID; i++) {
            int patch = i % (GRID * GRID);
            int row = (patch / GRID) * PATCH;
            int column = (patch % GRID) * PATCH;
            int pixel = (i / (GRID * GRID) * 3 * SIZE + row) * SIZE + column;
            codes[i] = Math.floorMod(images.getInt(Float.BYTES * pixel) * 31 + patch, CODEBOOK);
          }
        }

        @Override
        public void close() {}
      };
    }
  }

  /**
   * Tokenizes the images of a folder. A warm-up on some of them comes first, because class loading
   * and compilation do not depend on the number of images.
   *
   * @param folder for the shards
   */
  static Costs measure(ImageFolder images, String input, int views, Path folder)
      throws IOException {
    Path warmUpImages = Files.createDirectories(folder.resolve("warm-up"));
    int warmUp = Math.min(WARM_UP_VIEWS / views, images.entries().size());
    for (int i = 0; i < warmUp; i++) {
      Files.write(warmUpImages.resolve(i + ".jpeg"), images.read(images.entries().get(i)));
    }
    tokenize(warmUpImages.toString(), views, warmUp, folder.resolve("warm-up-shards"));
    double decoding = decodeAlone(images, views);
    int count = images.entries().size();
    long processor = PROCESS.getProcessCpuTime();
    long start = System.nanoTime();
    tokenize(input, views, count, folder.resolve(SHARDS));
    return new Costs(
        count,
        views,
        decoding,
        (PROCESS.getProcessCpuTime() - processor) / 1e6 / count,
        (System.nanoTime() - start) / 1e6 / count);
  }

  private static TokenizeDataset.Options options(String input, int views, Path shards) {
    return CommandLine.parse(
        TokenizeDataset.COMMAND,
        new String[] {
          "--input=" + input, "--tokenizer=stub", "--output=" + shards, "--views=" + views
        });
  }

  private static void tokenize(String input, int views, int images, Path shards)
      throws IOException {
    TokenizeDataset.Options options = options(input, views, shards);
    ShardMetadata metadata =
        new ShardMetadata(
            "stub", CODEBOOK, SIZE / PATCH, SIZE, views, options.getSeed(), null, null);
    ImageSource source = ImageSource.parse(input, ImageSource.Format.FOLDER.word());
    StageProgress progress = StageProgress.of(TokenizeDataset.NAME, images, options);
    progress.run(
        TokenizeDataset.pipeline(options, source, new StubTokenizer(), metadata, progress));
  }

  private static double decodeAlone(ImageFolder images, int views) throws IOException {
    TokenizeDataset.Options options = options("any", views, Path.of("none"));
    ViewRecipe recipe = TokenizeDataset.recipe(options, null);
    ImageBatch batch = new ImageBatch(BATCH, SIZE);
    int count = Math.min(DECODED_VIEWS / views, images.entries().size());
    long start = PROCESS.getProcessCpuTime();
    for (ImageFolder.Entry entry : images.entries().subList(0, count)) {
      try {
        EncodedImage image = EncodedImage.open(images.read(entry), DecodingLimits.DEFAULT);
        for (int i = 0; i < views; i++) {
          batch.put(
              i % BATCH,
              image.render(
                  recipe.view(options.getSeed(), entry.key(), i, image.width(), image.height()),
                  SIZE));
        }
      } catch (UndecodableImageException e) {
        throw new IllegalStateException(entry.key(), e);
      }
    }
    return (PROCESS.getProcessCpuTime() - start) / 1e6 / count;
  }
}
