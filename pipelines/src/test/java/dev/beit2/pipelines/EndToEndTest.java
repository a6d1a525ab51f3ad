package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import dev.beit2.io.Json;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.torch.TorchDevice;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.tokenize.VerifyShards;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands one after the other on embedded Flink, on a few of the sample photographs and for a
 * few steps.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
final class EndToEndTest {
  private static final Path SAMPLES = Path.of("samples");
  private static final int PICTURES_A_CLASS = 4;

  @TempDir static Path dir;

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  private static String option(String name, String folder) {
    return "--" + name + "=" + path(folder);
  }

  /** Runs a command as its main does; what it said on stderr. */
  private static String run(int expected, Command<?> command, String... args) {
    return Commands.run(command, List.of(args)).expect(expected).said();
  }

  /** Three classes of a few pictures each; a broken one more among the training pictures. */
  private static void copySamples(String part, boolean broken) throws IOException {
    for (String name : List.of("bird", "flower", "lake")) {
      Path folder = Files.createDirectories(dir.resolve(part + "/" + name));
      try (Stream<Path> files = Files.list(SAMPLES.resolve(part + "/" + name))) {
        for (Path file : files.sorted().limit(PICTURES_A_CLASS).toList()) {
          Files.copy(file, folder.resolve(file.getFileName()));
        }
      }
    }
    if (broken) {
      Files.writeString(dir.resolve(part + "/bird/broken.jpg"), "no picture");
    }
  }

  private static String[] training(String output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--preset=tiny",
                "--batchSize=4",
                "--checkpointEvery=2",
                "--seed=5",
                option("output", output)));
    args.addAll(List.of(more));
    return args.toArray(String[]::new);
  }

  private static void assertRejected(String folder) throws IOException {
    try (Stream<Path> files = Files.list(dir.resolve(folder + "/rejected"))) {
      String lines = Files.readString(files.findFirst().orElseThrow());
      assertEquals(1, lines.lines().count(), lines);
      assertEquals("bird/broken.jpg", Json.object(lines).get("key"));
      assertFalse(Json.object(lines).get("reason").toString().isBlank());
    }
  }

  @Test
  @Order(1)
  void trainTokenizer() throws IOException {
    copySamples("train", true);
    copySamples("val", false);
    // 13 entries, one of them broken: 6 steps of 4 see each.
    run(
        0,
        TrainTokenizer.COMMAND,
        training("tokenizer", option("input", "train"), "--steps=6", "--codebookSize=32"));
    assertEquals(6, RunDirectory.latest(path("tokenizer")).orElseThrow().step());
    List<Map<String, Double>> steps = MetricsLog.read(path("tokenizer"));
    assertEquals(6, steps.size());
    assertTrue(
        steps
            .get(5)
            .keySet()
            .containsAll(List.of("loss", "codes_in_use", "perplexity", "images_per_second")));
    assertTrue(steps.get(5).get("loss") < steps.get(0).get("loss"), steps.toString());
    assertRejected("tokenizer");
    assertTrue(Files.exists(dir.resolve("tokenizer/class_to_idx.json")));
  }

  @Test
  @Order(2)
  void tokenize() throws IOException {
    String[] args = {
      option("input", "train"),
      option("tokenizer", "tokenizer"),
      option("output", "shards"),
      "--views=2",
      "--seed=3"
    };
    run(0, TokenizeDataset.COMMAND, args);
    ShardManifest shards = ShardManifest.read(path("shards"));
    assertEquals(12, shards.rows());
    assertEquals(
        List.of(32, 6, 96, 2),
        List.of(shards.codebookSize(), shards.grid(), shards.inputSize(), shards.views()));
    assertRejected("shards");
    assertEquals(
        Map.of("bird", 0, "flower", 1, "lake", 2),
        Json.object(Files.readString(dir.resolve("shards/class_to_idx.json"))));
    // The same again gives the same bytes.
    args[2] = option("output", "shards2");
    run(0, TokenizeDataset.COMMAND, args);
    assertEquals(shards, ShardManifest.read(path("shards2")));
  }

  @Test
  @Order(3)
  void verify() throws IOException {
    run(0, VerifyShards.COMMAND, option("shards", "shards"));
    Path shard =
        dir.resolve("shards2").resolve(ShardManifest.read(path("shards2")).shards().get(0).file());
    byte[] bytes = Files.readAllBytes(shard);
    bytes[bytes.length / 2] ^= 1;
    Files.write(shard, bytes);
    run(1, VerifyShards.COMMAND, option("shards", "shards2"));
    assertTrue(
        run(2, VerifyShards.COMMAND, option("shards", "train"))
            .startsWith("--shards=" + path("train") + ": found no manifest.json"));
  }

  @Test
  @Order(4)
  void pretrain() throws IOException {
    run(
        0,
        PretrainMim.COMMAND,
        training(
            "pretrain",
            option("shards", "shards"),
            "--epochs=2.1",
            option("tokenizer", "tokenizer")));
    assertEquals(6, RunDirectory.latest(path("pretrain")).orElseThrow().step());
    List<Map<String, Double>> steps = MetricsLog.read(path("pretrain"));
    // The first guess is no better than chance among 32 codes, twice.
    assertEquals(2 * Math.log(32), steps.get(0).get("loss"), 0.7);
    assertNotNull(steps.get(5).get("aggregation_loss"));
  }

  @Test
  @Order(5)
  void aCompleteRunIsLeftAlone() throws IOException {
    Checkpoint before = RunDirectory.latest(path("pretrain")).orElseThrow();
    Path model = Path.of(before.directory(), Checkpoint.MODEL);
    byte[] bytes = Files.readAllBytes(model);
    run(
        0,
        PretrainMim.COMMAND,
        training(
            "pretrain",
            option("shards", "shards"),
            "--epochs=2.1",
            option("tokenizer", "tokenizer")));
    assertArrayEquals(bytes, Files.readAllBytes(model));
  }

  @Test
  @Order(6)
  void evaluate() throws IOException {
    run(
        0,
        Evaluate.COMMAND,
        option("backbone", "pretrain"),
        option("train", "train"),
        option("validation", "val"),
        option("output", "evaluation"),
        "--untrained=true");
    Evaluation found = Evaluation.read(path("evaluation"));
    assertEquals(
        List.of(12, 12, 3, 10),
        List.of(
            found.trainImages(), found.validationImages(), found.classes(), found.neighbours()));
    for (double accuracy :
        List.of(found.cls(), found.mean(), found.untrainedCls(), found.untrainedMean())) {
      assertTrue(accuracy >= 0 && accuracy <= 1 && Math.rint(12 * accuracy) / 12 == accuracy);
    }
    assertRejected("evaluation");
  }

  @Test
  @Order(8)
  void aCorruptShardEndsTheRunUnlessItIsToBeSkipped() throws IOException {
    run(
        0,
        TokenizeDataset.COMMAND,
        option("input", "train"),
        option("tokenizer", "tokenizer"),
        option("output", "shards3"),
        "--shardCount=3");
    ShardManifest manifest = ShardManifest.read(path("shards3"));
    String corrupt = manifest.shards().get(1).file();
    Path file = dir.resolve("shards3").resolve(corrupt);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    String[] args = training("skipping", option("shards", "shards3"), "--steps=3");
    String said = run(2, PretrainMim.COMMAND, args);
    assertTrue(said.contains(file + " unreadable"), said);

    Path metrics = dir.resolve("skipping.json");
    args = Arrays.copyOf(args, args.length + 3);
    args[args.length - 3] = "--skipCorruptShards";
    args[args.length - 2] = "--roundsPerJob=1";
    args[args.length - 1] = "--metricsFile=" + metrics;
    run(0, PretrainMim.COMMAND, args);
    Map<?, ?> counters = (Map<?, ?>) Json.object(Files.readString(metrics)).get("counters");
    assertEquals(1, counters.get("corrupt_shards"));
    assertEquals(0, counters.get("rejected_images"));
    try (Stream<Path> files = Files.list(dir.resolve("skipping/rejected"))) {
      String lines = Files.readString(files.findFirst().orElseThrow());
      assertEquals(1, lines.lines().count(), lines);
      assertEquals(corrupt, Json.object(lines).get("key"));
    }
    assertTrue(
        RunDirectory.latest(path("skipping")).orElseThrow().state().rejectedSoFar().stream()
            .anyMatch(rejected -> rejected.key().equals(corrupt)));
  }

  @Test
  @Order(7)
  void whatDoesNotFitIsRefusedInOneLine() {
    assertMessage(
        run(
            2,
            TrainTokenizer.COMMAND,
            training(
                "tokenizer",
                option("input", "train"),
                "--steps=6",
                "--codebookSize=64",
                "--learningRate=0.1")),
        "--codebookSize=64 --learningRate=0.1",
        "--codebookSize=32 --learningRate=5.0E-4");
    assertMessage(
        run(
            2,
            PretrainMim.COMMAND,
            option("shards", "shards"),
            option("output", "other"),
            "--preset=base"),
        "--shards=" + path("shards"),
        "96 pixels in 6 x 6 patches",
        "224 pixels in 14 x 14 patches");
    assertMessage(
        run(
            2,
            PretrainMim.COMMAND,
            training("other", option("shards", "shards"), "--maskedPatches=36")),
        "--maskedPatches=36",
        "36 patches",
        "at most 35");
    assertMessage(
        run(
            2,
            TokenizeDataset.COMMAND,
            option("input", "train"),
            option("tokenizer", "pretrain"),
            option("output", "other")),
        "--tokenizer=" + path("pretrain"),
        "kind mim",
        "tokenizer");
    assertMessage(
        run(
            2,
            Evaluate.COMMAND,
            option("backbone", "tokenizer"),
            option("train", "train"),
            option("validation", "val"),
            option("output", "other")),
        "--backbone=" + path("tokenizer"),
        "kind vqkd");
    assertMessage(
        run(2, PretrainMim.COMMAND, training("other", option("shards", "shards"), "--workers=13")),
        "--workers=13",
        "12 images");
    assertMessage(
        run(
            2,
            PretrainMim.COMMAND,
            training("other", option("shards", "shards"), "--accumulate=3")),
        "--accumulate=3",
        "--batchSize=4");
    assertMessage(
        run(2, TrainTokenizer.COMMAND, training("other", option("input", "nowhere"))),
        "--input=" + path("nowhere"),
        "nothing at");
  }

  @Test
  @Order(8)
  void imagesOfWhichNoneCanBeDecodedAreRefused() throws IOException {
    Files.writeString(
        Files.createDirectories(dir.resolve("broken")).resolve("a.jpg"), "no picture");
    assertMessage(
        run(
            2,
            TokenizeDataset.COMMAND,
            option("input", "broken"),
            option("tokenizer", "tokenizer"),
            option("output", "nothing")),
        "--input=" + path("broken"),
        "1 images of which none can be decoded");
  }

  @Test
  @Order(9)
  void shardsOfAnotherTokenizerAreRefused() {
    run(
        0,
        TrainTokenizer.COMMAND,
        training("tokenizer2", option("input", "train"), "--steps=1", "--codebookSize=32"));
    assertMessage(
        run(
            2,
            PretrainMim.COMMAND,
            training("other", option("shards", "shards"), option("tokenizer", "tokenizer2"))),
        "--shards=" + path("shards"),
        "codes of the tokenizer",
        "--tokenizer=" + path("tokenizer2"));
  }

  /** Each sample its picture, under the key that it has in the folder, and its class. */
  private static void packAsWebDataset(String part) throws IOException {
    List<String> classes = List.of("bird", "flower", "lake");
    Path folder = dir.resolve(part);
    try (OutputStream file = Files.newOutputStream(dir.resolve(part + ".tar"));
        TarArchiveOutputStream tar = new TarArchiveOutputStream(file);
        Stream<Path> pictures = Files.walk(folder)) {
      for (Path picture : pictures.filter(Files::isRegularFile).sorted().toList()) {
        String key = folder.relativize(picture).toString();
        add(tar, key, Files.readAllBytes(picture));
        int label = classes.indexOf(key.substring(0, key.indexOf('/')));
        add(tar, key.replaceAll("\\..*", ".cls"), Integer.toString(label).getBytes(UTF_8));
      }
    }
  }

  private static void add(TarArchiveOutputStream tar, String name, byte[] bytes)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(bytes.length);
    tar.putArchiveEntry(entry);
    tar.write(bytes);
    tar.closeArchiveEntry();
  }

  @Test
  @Order(10)
  void anArchiveIsAsGoodAsAFolder() throws IOException {
    packAsWebDataset("train");
    packAsWebDataset("val");
    run(
        0,
        TokenizeDataset.COMMAND,
        option("input", "train.tar"),
        option("tokenizer", "tokenizer"),
        option("output", "shards-of-archive"),
        "--views=2",
        "--seed=3");
    assertEquals(ShardManifest.read(path("shards")), ShardManifest.read(path("shards-of-archive")));
    assertRejected("shards-of-archive");
    run(
        0,
        TrainTokenizer.COMMAND,
        training(
            "tokenizer-of-archive",
            option("input", "train.tar"),
            "--format=webdataset",
            "--steps=4",
            "--codebookSize=32"));
    assertRejected("tokenizer-of-archive");
    run(
        0,
        Evaluate.COMMAND,
        option("backbone", "pretrain"),
        option("train", "train.tar"),
        option("validation", "val"), // classes have names on one side only
        option("output", "evaluation-of-archive"));
    Evaluation ofFolder = Evaluation.read(path("evaluation"));
    Evaluation ofArchive = Evaluation.read(path("evaluation-of-archive"));
    assertEquals(ofFolder.cls(), ofArchive.cls());
    assertEquals(ofFolder.mean(), ofArchive.mean());
  }

  @Test
  @Order(11)
  void imagesWithoutLabelsAreNotEvaluated() throws IOException {
    Files.copy(dir.resolve("val/bird").resolve(onlyName("val/bird")), dir.resolve("flat.jpg"));
    try (OutputStream file = Files.newOutputStream(dir.resolve("unlabelled.tar"));
        TarArchiveOutputStream tar = new TarArchiveOutputStream(file)) {
      add(tar, "1.jpg", Files.readAllBytes(dir.resolve("flat.jpg")));
    }
    assertMessage(
        run(
            2,
            Evaluate.COMMAND,
            option("backbone", "pretrain"),
            option("train", "train"),
            option("validation", "unlabelled.tar"),
            option("output", "other")),
        "--validation=" + path("unlabelled.tar"),
        "the image unlabelled/1.jpg without a label");
    assertMessage(
        run(
            2,
            TrainTokenizer.COMMAND,
            training("other", option("input", "train.tar"), "--format=parquet")),
        "--input=" + path("train.tar"),
        "no footer of a Parquet file");
    Files.copy(dir.resolve("unlabelled.tar"), dir.resolve("ILSVRC2012_img_val.tar"));
    assertMessage(
        run(
            2,
            Evaluate.COMMAND,
            option("backbone", "pretrain"),
            option("train", "train"),
            option("validation", "ILSVRC2012_img_val.tar"),
            option("output", "other")),
        "images without labels, as there is no ILSVRC2012_devkit_t12.tar.gz beside");
  }

  @Test
  @Order(12)
  void aDeviceThatIsNotThereIsToldBeforeTheJob() {
    assumeTrue(Torch.devices().stream().noneMatch(TorchDevice::isGpu));
    assertMessage(
        run(2, PretrainMim.COMMAND, training("gpu", option("shards", "shards"), "--device=gpu")),
        "--device=gpu",
        "no GPU in this machine");
    assertFalse(Files.exists(dir.resolve("gpu/rejected")));
  }

  /** One that tells of this many slots, and of no jobs. */
  private static HttpServer cluster(int slots) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          boolean ofJobs = exchange.getRequestURI().getPath().equals("/jobs/overview");
          String told =
              ofJobs
                  ? "{\"jobs\": []}"
                  : "{\"taskmanagers\": 1, \"slots-total\": %d, \"slots-available\": 0}"
                      .formatted(slots);
          byte[] answer = told.getBytes(UTF_8);
          exchange.sendResponseHeaders(200, answer.length);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(answer);
          }
        });
    server.start();
    return server;
  }

  @Test
  @Order(12)
  void moreWorkersThanSlotsAreRefusedBeforeTheJob() throws IOException {
    HttpServer cluster = cluster(2);
    String master = "127.0.0.1:" + cluster.getAddress().getPort();
    try {
      assertMessage(
          run(
              2,
              PretrainMim.COMMAND,
              training(
                  "crowded",
                  option("shards", "shards"),
                  "--workers=3",
                  "--flinkMaster=" + master,
                  "--filesToStage=pom.xml")),
          "--workers=3",
          "2 slots on --flinkMaster=" + master,
          "./beit2 cluster add-taskmanager");
    } finally {
      cluster.stop(0);
    }
    assertFalse(Files.exists(dir.resolve("crowded/checkpoints")));
  }

  private static byte[] model(String run, String file) throws IOException {
    Checkpoint last = RunDirectory.latest(path(run)).orElseThrow();
    assertEquals(6, last.step());
    return Files.readAllBytes(Path.of(last.directory(), file));
  }

  /** Of 6 steps. */
  private static void train(Command<?> command, String output, String... more) throws IOException {
    boolean pretrain = command == PretrainMim.COMMAND;
    List<String> args =
        new ArrayList<>(
            List.of(
                "--preset=tiny",
                "--batchSize=4",
                "--steps=6",
                "--seed=5",
                pretrain ? option("shards", "shards") : option("input", "train"),
                pretrain ? "--dropPath=0.1" : "--codebookSize=32",
                option("output", output)));
    args.addAll(List.of(more));
    run(0, command, args.toArray(String[]::new));
  }

  @Test
  @Order(13)
  void oneWorkersRoundsAndJobsChangeNoBit() throws IOException {
    for (Command<?> command : List.of(TrainTokenizer.COMMAND, PretrainMim.COMMAND)) {
      String whole = command.name() + "-whole";
      String rounds = command.name() + "-rounds";
      train(command, whole, "--localSteps=6");
      Path metrics = dir.resolve(rounds + ".json");
      train(command, rounds, "--localSteps=2", "--roundsPerJob=2", "--metricsFile=" + metrics);
      for (String file : List.of(Checkpoint.MODEL, Checkpoint.optimizer(0))) {
        assertArrayEquals(model(whole, file), model(rounds, file), file);
      }
      // Counted once, whatever the number of jobs: the pictures that the shards have are sound.
      Map<?, ?> counters = (Map<?, ?>) Json.object(Files.readString(metrics)).get("counters");
      assertEquals(6, counters.get("steps"));
      assertEquals(24, counters.get("images"));
      assertEquals(command == TrainTokenizer.COMMAND ? 1 : 0, counters.get("rejected_images"));
      assertEquals(0, counters.get("corrupt_shards"));
    }
  }

  @Test
  @Order(14)
  void recomputationChangesNoBitAndPartsOfABatchHardlyAny() throws IOException {
    train(PretrainMim.COMMAND, "recomputed", "--localSteps=6", "--recompute");
    byte[] whole = model("pretrain-whole", Checkpoint.MODEL);
    assertArrayEquals(whole, model("recomputed", Checkpoint.MODEL));
    train(PretrainMim.COMMAND, "accumulated", "--localSteps=6", "--accumulate=2");
    List<Map<String, Double>> expected = MetricsLog.read(path("pretrain-whole"));
    List<Map<String, Double>> steps = MetricsLog.read(path("accumulated"));
    assertEquals(expected.get(0).get("loss"), steps.get(0).get("loss"), 1e-4);
    assertEquals(expected.get(5).get("loss"), steps.get(5).get("loss"), 0.1);
    assertFalse(Arrays.equals(whole, model("accumulated", Checkpoint.MODEL)));
  }

  private static String onlyName(String folder) throws IOException {
    try (Stream<Path> files = Files.list(dir.resolve(folder))) {
      return files.sorted().findFirst().orElseThrow().getFileName().toString();
    }
  }

  private static void assertMessage(String said, String... parts) {
    assertEquals(1, said.lines().count(), said);
    for (String part : parts) {
      assertTrue(said.contains(part), () -> said + " lacks " + part);
    }
  }
}
