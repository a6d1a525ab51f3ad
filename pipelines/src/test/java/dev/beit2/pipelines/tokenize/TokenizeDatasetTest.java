package dev.beit2.pipelines.tokenize;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.REPLACE_EXISTING;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.View;
import dev.beit2.io.shard.EncodedView;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.MimShardIO;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.mim.PretrainingBatches;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.TokenizerOptions;
import dev.beit2.pipelines.options.TokenizerSource;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.transforms.Create;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code ./beit2 tokenize} promises, with a tokenizer of a few training steps. */
final class TokenizeDatasetTest {
  private static final int IMAGES = 12;
  private static final int SIDE = 96;

  @TempDir static Path dir;

  @BeforeAll
  static void trainTokenizer() throws Exception {
    Path images = Files.createDirectories(dir.resolve("images"));
    try (Stream<Path> files = Files.list(Path.of("samples/train/bird"))) {
      for (Path file : files.sorted().limit(IMAGES).toList()) {
        Files.copy(file, images.resolve(file.getFileName()));
      }
    }
    Files.writeString(images.resolve("broken.jpg"), "not an image");
    assertEquals(
        "",
        run(
            0,
            TrainTokenizer.COMMAND,
            "--input=" + images,
            "--output=" + path("tokenizer"),
            "--preset=tiny",
            "--batchSize=8",
            "--codebookSize=100",
            "--steps=2"));
  }

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  /** Runs a command as its main does; what it wrote to stderr. */
  private static String run(int expected, Command<?> command, String... args) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    PrintStream stream = new PrintStream(err, true, UTF_8);
    int code = CommandLine.run(command, args, stream, stream);
    assertEquals(expected, code, err.toString(UTF_8));
    return err.toString(UTF_8);
  }

  private static String tokenize(int expected, String output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--input=" + path("images"),
                "--tokenizer=" + path("tokenizer"),
                "--output=" + path(output),
                "--runner=DirectRunner"));
    args.addAll(List.of(more));
    return run(expected, TokenizeDataset.COMMAND, args.toArray(String[]::new));
  }

  /** Paths below a folder, each with its bytes and when it was written. */
  private static Map<String, String> files(String folder) throws Exception {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(dir.resolve(folder))) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        files.put(
            dir.resolve(folder).relativize(file).toString(),
            Files.getLastModifiedTime(file) + " " + Arrays.hashCode(Files.readAllBytes(file)));
      }
    }
    return files;
  }

  private static List<MimExample> rows(String folder) {
    MimShards shards = MimShards.open(path(folder));
    MimShards.Epoch epoch = shards.epoch(0, 0);
    return LongStream.range(0, shards.examples())
        .mapToObj(epoch::get)
        .sorted((a, b) -> a.key().compareTo(b.key()))
        .toList();
  }

  private static List<View> views(MimExample example) {
    return example.views().stream().map(EncodedView::view).toList();
  }

  @Test
  void theCentreViewComesFirstAndDoesNotChangeTheOthers() {
    tokenize(0, "centre", "--views=3", "--centerView");
    tokenize(0, "random", "--views=3");
    List<MimExample> centre = rows("centre");
    List<MimExample> random = rows("random");
    assertEquals(IMAGES, centre.size());
    for (int i = 0; i < IMAGES; i++) {
      MimExample example = centre.get(i);
      int side = Math.round(Math.min(example.width(), example.height()) * 224 / 256f);
      View view = views(example).get(0);
      assertEquals(
          List.of((example.width() - side) / 2, (example.height() - side) / 2, side, side),
          List.of(view.left(), view.top(), view.width(), view.height()));
      assertEquals(
          List.of(false, 1f, 1f, 1f),
          List.of(view.flip(), view.brightness(), view.contrast(), view.saturation()));
      assertEquals(views(random.get(i)).subList(1, 3), views(example).subList(1, 3));
      assertNotEquals(views(random.get(i)).get(0), view);
    }
  }

  /** As pretraining sees an image: its pixels, made of what is stored, have the stored codes. */
  @Test
  void renderedViewsHaveTheStoredCodes() throws Exception {
    int views = 3;
    int side = 150;
    tokenize(0, "stored", "--views=" + views, "--centerView", "--storeSize=" + side);
    int smaller = 0;
    for (MimExample example : rows("stored")) {
      EncodedImage stored = EncodedImage.open(example.jpeg(), DecodingLimits.DEFAULT);
      assertEquals(
          stored.width() + "x" + stored.height(), example.width() + "x" + example.height());
      EncodedImage found =
          EncodedImage.open(
              Files.readAllBytes(dir.resolve("images/" + example.key())), DecodingLimits.DEFAULT);
      assertEquals(
          Math.min(side, Math.min(found.width(), found.height())),
          Math.min(stored.width(), stored.height()));
      smaller += stored.width() < found.width() ? 1 : 0;
    }
    assertTrue(smaller > 0, "none of the samples was large enough to see a difference");
    PretrainMim.Options options =
        CommandLine.parse(
            PretrainMim.COMMAND,
            new String[] {
              "--shards=" + path("stored"),
              "--output=" + path("pretrain"),
              "--preset=tiny",
              "--batchSize=" + IMAGES
            });
    try (PretrainingBatches batches = new PretrainingBatches(options);
        Tokenizer tokenizer =
            Inputs.model(
                "--tokenizer", path("tokenizer"), in -> Tokenizer.read(in, Precision.FP32))) {
      for (long epoch = 0; epoch < views; epoch++) {
        PretrainingBatches.Batch batch = batches.at(epoch * IMAGES);
        int[] codes = new int[batch.codes().length];
        tokenizer.encode(batch.images(), IMAGES, codes);
        assertArrayEquals(codes, batch.codes(), "view " + epoch);
        assertTrue(Arrays.stream(codes).distinct().count() > 1, "codes tell nothing");
      }
    }
  }

  /** Batches of four views hold those of several images, in another order each time. */
  @Test
  void filesAreTheSameWhateverRunnerParallelismAndOrder() throws Exception {
    ImageFolder folder = ImageFolder.list(path("images"));
    List<ImageRecord> images = new ArrayList<>();
    for (ImageFolder.Entry entry : folder.entries()) {
      images.add(new ImageRecord(entry.key(), entry.label(), folder.read(entry)));
    }
    Map<String, String> expected = null;
    for (int run = 0; run < 4; run++) {
      PipelineOptions options = PipelineOptionsFactory.create();
      if (run < 2) {
        options.setRunner(DirectRunner.class);
      } else {
        options.setRunner(FlinkRunner.class);
        options.as(FlinkPipelineOptions.class).setFlinkMaster("[local]");
        options.as(FlinkPipelineOptions.class).setParallelism(run - 1);
      }
      Collections.shuffle(images, new Random(run));
      String output = "run" + run;
      write(options, images, output);
      Map<String, String> found = files(output);
      found.replaceAll((name, file) -> file.replaceFirst(".* ", ""));
      assertEquals(4, found.size(), found::toString);
      expected = expected == null ? found : expected;
      assertEquals(expected, found, "run " + run);
    }
  }

  private static void write(PipelineOptions options, List<ImageRecord> images, String output)
      throws Exception {
    TokenizerOptions tokenizer = options.as(TokenizerOptions.class);
    tokenizer.setTokenizer(path("tokenizer"));
    TokenizerSource source = TokenizerSource.of(tokenizer);
    ShardMetadata shards =
        new ShardMetadata(source.digest(), 100, source.grid(), SIDE, 3, 17, "fp32", null);
    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Images", Create.of(images))
        .apply(
            "Encode",
            new EncodeViews(
                new PatchEncoder.OfTokenizer(source),
                shards,
                new ViewRecipe(0.2, 0.4, true, 150, DecodingLimits.DEFAULT),
                4,
                1,
                StageProgress.of("test", 0, options)))
        .get(EncodeViews.ENCODED)
        .apply("Write", MimShardIO.write(path(output), shards).withShardCount(3));
    pipeline.run().waitUntilFinish();
  }

  @Test
  void aFinishedCommandIsNotRepeatedAndOtherOptionsAreRefused() throws Exception {
    String[] options = {"--views=2", "--storeSize=100", "--shardCount=2"};
    tokenize(0, "again", options);
    Map<String, String> written = files("again");
    assertTrue(written.containsKey("rejected/rejected-00000-of-00001.jsonl"), written::toString);

    PrintStream stderr = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, UTF_8));
    try {
      tokenize(
          0, "again", "--views=2", "--storeSize=100", "--shardCount=2", "--targetParallelism=1");
    } finally {
      System.setErr(stderr);
    }
    assertEquals(
        "[tokenize] all 12 images are in 2 shards in " + path("again") + ": nothing to do\n",
        said.toString(UTF_8));
    assertEquals(written, files("again"));

    String refused =
        tokenize(2, "again", "--views=3", "--storeSize=100", "--centerView", "--seed=1");
    for (String part :
        List.of(
            "--centerView=true --seed=1 no --shardCount --shardMegabytes=256 --views=3: found",
            "--centerView=false --seed=0 --shardCount=2 no --shardMegabytes --views=2 in --output="
                + path("again"))) {
      assertTrue(refused.contains(part), refused);
    }
    assertEquals(1, refused.lines().count(), refused);
    assertEquals(written, files("again"));
    assertTrue(
        run(
                2,
                PretrainMim.COMMAND,
                "--shards=" + path("again"),
                "--preset=tiny",
                "--output=" + path("again"))
            .contains("found a run of tokenize"));
    assertEquals(written, files("again"));
  }

  @Test
  void shardsOfUnknownOptionsAreRefused() throws Exception {
    for (String file : List.of("manifest.json", "shard-00000-of-00001.parquet")) {
      String output = "older-" + file;
      Files.writeString(Files.createDirectories(dir.resolve(output)).resolve(file), "{}");
      Map<String, String> before = files(output);
      String refused = tokenize(2, output);
      assertTrue(refused.contains("shards without a config.json"), refused);
      assertEquals(1, refused.lines().count(), refused);
      assertEquals(before, files(output));
    }
  }

  @Test
  void aSetWithoutImagesIsNotFinished() throws Exception {
    Path images = Files.createDirectories(dir.resolve("soon"));
    Files.writeString(images.resolve("a.jpg"), "not an image yet");
    String[] args = {
      "--input=" + images,
      "--tokenizer=" + path("tokenizer"),
      "--output=" + path("late"),
      "--runner=DirectRunner"
    };
    assertTrue(run(2, TokenizeDataset.COMMAND, args).contains("none can be decoded"));
    assertTrue(run(2, TokenizeDataset.COMMAND, args).contains("none can be decoded"));
    Files.copy(dir.resolve("images/bird_duck_0.JPEG"), images.resolve("a.jpg"), REPLACE_EXISTING);
    run(0, TokenizeDataset.COMMAND, args);
    assertEquals(1, ShardManifest.read(path("late")).rows());
    assertEquals(
        List.of("config.json", "manifest.json", "shard-00000-of-00001.parquet"),
        List.copyOf(files("late").keySet()));
  }

  @Test
  void verifyReportsUseAndNamesBrokenFiles() throws Exception {
    tokenize(0, "verified", "--views=2", "--shardCount=2");
    Map<String, Object> json = Json.object(verify(0, "--json"));
    List<?> counts = (List<?>) json.get("codeCounts");
    assertEquals(100, counts.size());
    assertEquals(
        IMAGES * 2 * 36, counts.stream().mapToInt(count -> ((Number) count).intValue()).sum());
    assertEquals(
        List.of(2, IMAGES, 2 * IMAGES, 0, List.of()),
        Stream.of("shards", "images", "views", "duplicateImages", "problems")
            .map(json::get)
            .toList());
    String text = verify(0);
    assertTrue(text.contains("12 images, 24 views"), text);
    assertTrue(text.contains("used         never"), text);
    assertTrue(text.endsWith("\nsound\n"), text);
    text = verify(0, "--quick");
    assertTrue(text.contains("verified: 12 images in 2 shards"), text);
    assertTrue(text.endsWith("\nsound as far as that tells\n"), text);

    Path shard = dir.resolve("verified/shard-00001-of-00002.parquet");
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length / 2] ^= 1;
    Files.write(shard, bytes);
    text = verify(1);
    assertTrue(text.contains(shard + " with crc32c "), text);
    assertTrue(text.contains(shard + " unreadable (could not verify page integrity"), text);
    assertTrue(text.endsWith("\nNOT sound\n"), text);
    verify(0, "--quick"); // which reads no row
    Files.write(shard, Arrays.copyOf(bytes, bytes.length - 1));
    text = verify(1, "--quick");
    assertTrue(
        text.contains("with bytes %d, not %d".formatted(bytes.length - 1, bytes.length)), text);
    Files.delete(shard);
    assertTrue(verify(1).contains(shard + " missing"), text);
    text = verify(1, "--quick", "--json");
    assertTrue(text.contains(shard + " missing"), text);
  }

  private static String verify(int expected, String... more) {
    List<String> args = new ArrayList<>(List.of("--shards=" + path("verified")));
    args.addAll(List.of(more));
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    VerifyShards.Options options =
        CommandLine.parse(VerifyShards.COMMAND, args.toArray(String[]::new));
    assertEquals(expected, VerifyShards.run(options, new PrintStream(out, true, UTF_8)));
    return out.toString(UTF_8);
  }

  @Test
  void sizeAndCountOfShardsExcludeEachOther() {
    assertTrue(
        tokenize(2, "both", "--shardCount=2", "--shardMegabytes=3")
            .contains("found both; wanted one of them"));
    assertTrue(tokenize(2, "both", "--shardCount=0").contains("wanted a whole number from 1 to"));
  }
}
