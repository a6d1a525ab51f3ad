package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.tokenize.VerifyShards;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.awt.image.BufferedImage;
import java.awt.image.DataBufferByte;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Each command on embedded Flink, from photographs to an evaluation. */
final class EndToEndTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  /** Runs a command; what it wrote to stderr. */
  private static String run(int expected, Command<?> command, List<String> args) {
    return Commands.run(command, args).expect(expected).said();
  }

  private static void assertRejected(String key, Path output) throws IOException {
    try (Stream<Path> files = Files.list(output.resolve("rejected"))) {
      String lines = Files.readString(files.findFirst().orElseThrow());
      assertEquals(1, lines.lines().count(), lines);
      assertEquals(key, Json.object(lines).get("key"));
      assertFalse(Json.object(lines).get("reason").toString().isBlank());
    }
  }

  private static void flipBit(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
  }

  @Test
  void trainsATokenizer() throws IOException {
    Path run = SAMPLES.tokenizer();
    assertEquals(6, RunDirectory.latest(run.toString()).orElseThrow().step());
    List<Map<String, Double>> steps = MetricsLog.read(run.toString());
    assertEquals(6, steps.size());
    assertTrue(
        steps
            .get(5)
            .keySet()
            .containsAll(List.of("loss", "codes_in_use", "perplexity", "images_per_second")));
    assertTrue(steps.get(5).get("loss") < steps.get(0).get("loss"), steps.toString());
    // 13 files, one of them broken: 6 steps of 4 images see each.
    assertRejected(SampleRuns.BROKEN, run);
    assertTrue(Files.exists(run.resolve("class_to_idx.json")));
  }

  @Test
  void tokenizesImagesReproducibly() throws IOException {
    ShardManifest shards = ShardManifest.read(SAMPLES.shards().toString());
    assertEquals(12, shards.rows());
    assertEquals(
        List.of(32, 6, 96, 2),
        List.of(shards.codebookSize(), shards.grid(), shards.inputSize(), shards.views()));
    assertRejected(SampleRuns.BROKEN, SAMPLES.shards());
    assertEquals(
        Map.of("bird", 0, "flower", 1, "lake", 2),
        Json.object(Files.readString(SAMPLES.shards().resolve("class_to_idx.json"))));
    run(CommandLine.OK, TokenizeDataset.COMMAND, SAMPLES.tokenize(SAMPLES.train(), dir));
    assertEquals(shards, ShardManifest.read(dir.toString()));
  }

  @Test
  void tokenizesAnImageThatIsLargerThanFlinksSortBuffer() throws IOException {
    Path images = Files.createDirectories(dir.resolve("images"));
    BufferedImage noise = new BufferedImage(2000, 2000, BufferedImage.TYPE_3BYTE_BGR);
    new Random(1).nextBytes(((DataBufferByte) noise.getRaster().getDataBuffer()).getData());
    ImageIO.write(noise, "png", images.resolve("noise.png").toFile());
    List<String> args =
        List.of(
            "--input=" + images,
            "--tokenizer=" + SAMPLES.tokenizer(),
            "--parallelism=8",
            "--views=1",
            "--output=" + dir.resolve("shards"));
    // With Flink's own settings, the image is too large.
    List<String> without = new ArrayList<>(args);
    without.add("--flinkConfDir=" + Files.createDirectories(dir.resolve("conf")));
    Files.writeString(dir.resolve("conf/config.yaml"), "parallelism.default: 1\n");
    String said = run(CommandLine.INVALID, TokenizeDataset.COMMAND, without);
    assertTrue(said.startsWith("found an image larger than"), said);
    String before = System.getProperty("beit2.home");
    System.setProperty("beit2.home", ".."); // as ./beit2 sets it
    try {
      run(CommandLine.OK, TokenizeDataset.COMMAND, args);
    } finally {
      if (before == null) {
        System.clearProperty("beit2.home");
      } else {
        System.setProperty("beit2.home", before);
      }
    }
    assertEquals(1, ShardManifest.read(dir.resolve("shards").toString()).rows());
  }

  @Test
  void verifiesShards() throws IOException {
    run(CommandLine.OK, VerifyShards.COMMAND, List.of("--shards=" + SAMPLES.shards()));
    Path corrupt = Commands.copyFolder(SAMPLES.shards(), dir.resolve("corrupt"));
    flipBit(corrupt.resolve(ShardManifest.read(corrupt.toString()).shards().get(0).file()));
    run(CommandLine.FAILED, VerifyShards.COMMAND, List.of("--shards=" + corrupt));
    String images = "--shards=" + SAMPLES.train();
    String said = run(CommandLine.INVALID, VerifyShards.COMMAND, List.of(images));
    assertTrue(said.startsWith(images + ": found no manifest.json"), said);
  }

  @Test
  void pretrains() throws IOException {
    String run = SAMPLES.pretrained().toString();
    assertEquals(6, RunDirectory.latest(run).orElseThrow().step());
    List<Map<String, Double>> steps = MetricsLog.read(run);
    // The first guess is no better than chance among 32 codes, in both of the losses.
    assertEquals(2 * Math.log(32), steps.get(0).get("loss"), 0.7);
    assertNotNull(steps.get(5).get("aggregation_loss"));
  }

  @Test
  void leavesACompleteRunAlone() throws IOException {
    Path run = Commands.copyFolder(SAMPLES.pretrained(), dir.resolve("run"));
    Checkpoint before = RunDirectory.latest(run.toString()).orElseThrow();
    Path model = Path.of(before.directory(), Checkpoint.MODEL);
    byte[] bytes = Files.readAllBytes(model);
    run(CommandLine.OK, PretrainMim.COMMAND, SAMPLES.pretrain(run));
    assertArrayEquals(bytes, Files.readAllBytes(model));
  }

  /** As a start leaves it that is killed after its last checkpoint. */
  @Test
  void finishesACompleteRunWhoseStartWasKilled() throws IOException {
    Path run = Commands.copyFolder(SAMPLES.tokenizer(), dir.resolve("run"));
    try (Stream<Path> files = Files.list(run.resolve("rejected"))) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.writeString(run.resolve(".hold.json"), "{}");
    Path left = Files.createDirectories(run.resolve("checkpoints/step-000001"));
    Files.writeString(left.resolve("model.safetensors"), "cut");
    run(CommandLine.OK, TrainTokenizer.COMMAND, SAMPLES.trainTokenizer(run));
    assertRejected(SampleRuns.BROKEN, run);
    assertFalse(Files.exists(run.resolve(".hold.json")));
    assertFalse(Files.exists(left));
  }

  @Test
  void evaluatesABackboneAndAnUntrainedOne() throws IOException {
    Evaluation found = Evaluation.read(SAMPLES.evaluation().toString());
    assertEquals(
        List.of(12, 12, 3, 10),
        List.of(
            found.trainImages(), found.validationImages(), found.classes(), found.neighbours()));
    for (double accuracy :
        List.of(found.cls(), found.mean(), found.untrainedCls(), found.untrainedMean())) {
      assertTrue(accuracy >= 0 && accuracy <= 1 && Math.rint(12 * accuracy) / 12 == accuracy);
    }
    assertRejected(SampleRuns.BROKEN, SAMPLES.evaluation());
  }

  @Test
  void evaluatesEachImageByTheOthers() throws IOException {
    run(
        CommandLine.OK,
        Evaluate.COMMAND,
        List.of(
            "--backbone=" + SAMPLES.pretrained(),
            "--train=" + SAMPLES.train(),
            "--validation=" + SAMPLES.validation(),
            "--leaveOneOut",
            "--output=" + dir.resolve("both")));
    Evaluation both = Evaluation.read(dir.resolve("both").toString());
    assertEquals(
        List.of(23, 24, 3), List.of(both.trainImages(), both.validationImages(), both.classes()));
    assertEquals(Math.sqrt(both.cls() * (1 - both.cls()) / 24), both.clsError(), 1e-9);
    assertNull(both.clsGainError());
    List<String> oneSet =
        new ArrayList<>(
            List.of(
                "--backbone=" + SAMPLES.pretrained(),
                "--train=" + SAMPLES.train(),
                "--output=" + dir.resolve("one")));
    String said = run(CommandLine.INVALID, Evaluate.COMMAND, oneSet);
    assertTrue(said.startsWith("--validation: found nothing"), said);
    oneSet.add("--leaveOneOut");
    run(CommandLine.OK, Evaluate.COMMAND, oneSet);
    assertEquals(11, Evaluation.read(dir.resolve("one").toString()).trainImages());
  }

  @Test
  void aCorruptShardEndsARunThatDoesNotSkipIt() throws IOException {
    Path shards = dir.resolve("shards");
    run(
        CommandLine.OK,
        TokenizeDataset.COMMAND,
        List.of(
            "--input=" + SAMPLES.train(),
            "--tokenizer=" + SAMPLES.tokenizer(),
            "--output=" + shards,
            "--shardCount=3"));
    String corrupt = ShardManifest.read(shards.toString()).shards().get(1).file();
    flipBit(shards.resolve(corrupt));
    Path output = dir.resolve("run");
    List<String> args = SampleRuns.training(output, "--shards=" + shards, "--steps=3");
    String said = run(CommandLine.INVALID, PretrainMim.COMMAND, args);
    assertTrue(said.contains(shards.resolve(corrupt) + " unreadable"), said);

    Path metrics = dir.resolve("metrics.json");
    args.addAll(List.of("--skipCorruptShards", "--roundsPerJob=1", "--metricsFile=" + metrics));
    run(CommandLine.OK, PretrainMim.COMMAND, args);
    Map<?, ?> counters = (Map<?, ?>) Json.object(Files.readString(metrics)).get("counters");
    assertEquals(1, counters.get("corrupt_shards"));
    assertEquals(0, counters.get("rejected_images"));
    assertRejected(corrupt, output);
    assertTrue(
        RunDirectory.latest(output.toString()).orElseThrow().state().rejectedSoFar().stream()
            .anyMatch(rejected -> rejected.key().equals(corrupt)));
  }

  @Test
  void tokenizesAnArchiveLikeAFolder() throws IOException {
    run(CommandLine.OK, TokenizeDataset.COMMAND, SAMPLES.tokenize(SAMPLES.trainArchive(), dir));
    assertEquals(
        ShardManifest.read(SAMPLES.shards().toString()), ShardManifest.read(dir.toString()));
    assertRejected(SampleRuns.BROKEN, dir);
  }

  @Test
  void trainsATokenizerOnAnArchive() throws IOException {
    run(
        CommandLine.OK,
        TrainTokenizer.COMMAND,
        SampleRuns.training(
            dir,
            "--input=" + SAMPLES.trainArchive(),
            "--format=webdataset",
            "--steps=4",
            "--codebookSize=32"));
    assertRejected(SampleRuns.BROKEN, dir);
  }

  @Test
  void evaluatesOnAnArchiveLikeOnAFolder() throws IOException {
    run(
        CommandLine.OK,
        Evaluate.COMMAND,
        List.of(
            "--backbone=" + SAMPLES.pretrained(),
            "--train=" + SAMPLES.trainArchive(),
            "--validation=" + SAMPLES.validation(), // only here do classes have names
            "--output=" + dir));
    Evaluation ofFolder = Evaluation.read(SAMPLES.evaluation().toString());
    Evaluation ofArchive = Evaluation.read(dir.toString());
    assertEquals(ofFolder.cls(), ofArchive.cls());
    assertEquals(ofFolder.mean(), ofArchive.mean());
  }
}
