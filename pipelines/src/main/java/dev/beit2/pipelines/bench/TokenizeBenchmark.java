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
 * The pipeline {@code tokenize} with a tokenizer that costs nothing, beside what its views cost
 * alone: what Beam, the shuffle and the shards add to an image.
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

  /** The folder of the measured set, in the one given. */
  static final String SHARDS = "shards";

  /**
   * What an image costs, in milliseconds.
   *
   * @param images that went through the pipeline
   * @param decoding processor time to read, decode and render the views of an image, on one thread
   * @param processor the same of the whole pipeline
   * @param wall time of the whole pipeline, on all cores
   */
  record Costs(int images, int views, double decoding, double processor, double wall) {
    /** The pipeline's rate per core beside the decoder's own, by processor time. */
    double share() {
      return decoding / processor;
    }
  }

  private TokenizeBenchmark() {}

  /** Codes that follow from a pixel of each patch, made in no time. */
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
   * Tokenizes the images of a folder, after a few of them to warm up: compiling and loading take as
   * long for a thousand images as for a million.
   *
   * @param folder for the shards
   */
  static Costs measure(ImageFolder images, String input, int views, Path folder)
      throws IOException {
    Path few = Files.createDirectories(folder.resolve("few"));
    int warmUp = Math.min(WARM_UP_VIEWS / views, images.entries().size());
    for (int i = 0; i < warmUp; i++) {
      Files.write(few.resolve(i + ".jpeg"), images.read(images.entries().get(i)));
    }
    tokenize(few.toString(), views, warmUp, folder.resolve("few-shards"));
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
        new ShardMetadata("stub", CODEBOOK, SIZE / PATCH, SIZE, views, options.getSeed());
    ImageSource source = ImageSource.parse(input, ImageSource.Format.FOLDER.word());
    StageProgress progress = StageProgress.of(TokenizeDataset.NAME, images, options);
    progress.run(
        TokenizeDataset.pipeline(options, source, new StubTokenizer(), metadata, progress));
  }

  private static double decodeAlone(ImageFolder images, int views) throws IOException {
    TokenizeDataset.Options options = options("any", views, Path.of("none"));
    ViewRecipe recipe = TokenizeDataset.recipe(options);
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
