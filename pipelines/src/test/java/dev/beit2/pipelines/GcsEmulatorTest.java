package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.FaultyProxy.Fault;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.tokenize.VerifyShards;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

/**
 * The commands on {@code gs://} paths end with the same bytes as on the local disk, whatever breaks
 * on the way. Against an emulator that {@code .ci/gcs} starts.
 */
@EnabledIfSystemProperty(named = "gcs.endpoint", matches = "http://.+")
final class GcsEmulatorTest {
  private static final URI EMULATOR = URI.create(System.getProperty("gcs.endpoint", "http://none"));
  private static final String COMMIT = "POST .*ifGenerationMatch=0.*uploadType=multipart";
  private static final String SHARD = "PUT .*name=shards/shard-.*upload_id=";
  private static final String DELETE = "POST /batch";
  private static final String OPTIMIZER = "PUT .*step-000002/optimizer-0.*upload_id=";
  private static final Path SAMPLES = Path.of("samples");

  @TempDir static Path dir;

  private final String bucket = "beit2-" + UUID.randomUUID();
  private FaultyProxy proxy;

  /** What all tests compare with: the same commands on the local disk. */
  @BeforeAll
  static void runOnTheLocalDisk() throws IOException {
    for (String name : List.of("bird", "flower", "lake")) {
      Path folder = Files.createDirectories(dir.resolve("images/" + name));
      try (Stream<Path> files = Files.list(SAMPLES.resolve("train/" + name))) {
        for (Path file : files.sorted().limit(4).toList()) {
          Files.copy(file, folder.resolve(file.getFileName()));
        }
      }
    }
    Files.writeString(dir.resolve("images/bird/broken.jpg"), "not an image");
    run(TrainTokenizer.COMMAND, trainTokenizer(dir.toString()));
    run(TokenizeDataset.COMMAND, tokenize(dir.toString()));
    run(PretrainMim.COMMAND, pretrain(dir.toString()));
    run(PretrainMim.COMMAND, pretrainByTwo(dir.toString()));
  }

  private static List<String> trainTokenizer(String root) {
    return List.of(
        "--input=" + root + "/images",
        "--output=" + root + "/tokenizer",
        "--preset=tiny",
        "--batchSize=4",
        "--steps=2",
        "--codebookSize=32",
        "--seed=5");
  }

  private static List<String> tokenize(String root) {
    return List.of(
        "--input=" + root + "/images",
        "--tokenizer=" + root + "/tokenizer",
        "--output=" + root + "/shards",
        "--views=2",
        "--seed=3");
  }

  private static List<String> pretrain(String root) {
    return pretrain(root, "pretrain");
  }

  private static List<String> pretrainByTwo(String root) {
    return pretrain(
        root, "by-two", "--workers=2", "--outerLearningRate=0.7", "--outerMomentum=0.9");
  }

  private static List<String> pretrain(String root, String output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--shards=" + root + "/shards",
                "--output=" + root + "/" + output,
                "--preset=tiny",
                "--batchSize=4",
                "--steps=4",
                "--checkpointEvery=2",
                "--seed=5"));
    args.addAll(List.of(more));
    return args;
  }

  private static String run(Command<?> command, List<String> args) {
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(said, true, UTF_8);
    int code = CommandLine.run(command, args.toArray(String[]::new), out, out);
    assertEquals(0, code, said.toString(UTF_8));
    return said.toString(UTF_8);
  }

  private String root() {
    return "gs://" + bucket;
  }

  private void runInTheStore(Command<?> command, List<String> args, String... more) {
    List<String> all = new ArrayList<>(args);
    all.add("--gcsEndpoint=" + proxy.url());
    all.addAll(List.of(more));
    run(command, all);
  }

  @BeforeEach
  void makeABucketWithTheImages() throws IOException, InterruptedException {
    HttpResponse<String> made =
        HttpClient.newHttpClient()
            .send(
                HttpRequest.newBuilder(EMULATOR.resolve("/storage/v1/b?project=test"))
                    .POST(HttpRequest.BodyPublishers.ofString("{\"name\":\"" + bucket + "\"}"))
                    .build(),
                HttpResponse.BodyHandlers.ofString());
    assertEquals(200, made.statusCode(), made.body());
    useFromHere(EMULATOR.toString());
    upload("images");
    proxy = new FaultyProxy(EMULATOR);
  }

  @AfterEach
  void stop() throws IOException {
    proxy.close();
  }

  /** For what the test itself reads and writes, not through the proxy. */
  private static void useFromHere(String endpoint) {
    GcsOptions options = PipelineOptionsFactory.create().as(GcsOptions.class);
    options.setGcsEndpoint(endpoint + "/storage/v1/");
    options.setCredentialFactoryClass(NoopCredentialFactory.class);
    FileSystems.setDefaultPipelineOptions(options);
  }

  private void upload(String folder) throws IOException {
    for (Map.Entry<String, byte[]> file : localFiles(folder).entrySet()) {
      StoredFile.in(root(), folder + "/" + file.getKey())
          .write(elsewhere(file.getKey(), file.getValue(), dir.toString(), root()));
    }
  }

  /** A run's configuration names its inputs. */
  private static byte[] elsewhere(String name, byte[] bytes, String from, String to) {
    return name.equals("config.json")
        ? new String(bytes, UTF_8).replace(from, to).getBytes(UTF_8)
        : bytes;
  }

  private static SortedMap<String, byte[]> localFiles(String folder) throws IOException {
    SortedMap<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(dir.resolve(folder))) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        files.put(dir.resolve(folder).relativize(file).toString(), Files.readAllBytes(file));
      }
    }
    return files;
  }

  private SortedMap<String, byte[]> storedFiles(String folder) throws IOException {
    useFromHere(EMULATOR.toString());
    SortedMap<String, byte[]> files = new TreeMap<>();
    String prefix = root() + "/" + folder + "/";
    for (String path : StoredFile.matching(prefix, "**")) {
      files.put(path.substring(prefix.length()), new StoredFile(path).readBytes());
    }
    return files;
  }

  /** Exactly the same files, with the same bytes. */
  private void assertSame(String folder) throws IOException {
    SortedMap<String, byte[]> expected = localFiles(folder);
    SortedMap<String, byte[]> found = storedFiles(folder);
    assertEquals(names(expected), names(found));
    expected.forEach(
        (name, bytes) -> {
          if (!name.contains("tfevents") && !name.equals("metrics.jsonl")) { // they tell times
            assertArrayEquals(
                withoutTimes(name, bytes),
                withoutTimes(name, elsewhere(name, found.get(name), root(), dir.toString())),
                name);
          }
        });
  }

  /** A checkpoint's state tells when and how fast its round ended. */
  private static byte[] withoutTimes(String name, byte[] bytes) {
    return name.endsWith(Checkpoint.STATE)
        ? new String(bytes, UTF_8)
            .replaceAll("(\"(seconds|trainSeconds|waitShare|time)\" : )[^,\n]+", "$1-")
            .getBytes(UTF_8)
        : bytes;
  }

  private static List<String> names(SortedMap<String, byte[]> files) {
    return files.keySet().stream()
        .map(name -> name.replaceAll("tfevents\\.\\d+", "tfevents"))
        .toList();
  }

  private List<Map<String, Double>> metrics(String run) throws IOException {
    List<Map<String, Double>> steps = MetricsLog.read(run);
    steps.forEach(step -> step.keySet().removeAll(MetricsLog.TIMING));
    return steps;
  }

  private void assertHappened(int faults) {
    assertEquals(faults, proxy.faults().size(), () -> "happened: " + proxy.faults());
  }

  @Test
  void everyCommandWritesTheSameFilesAsOnTheLocalDisk() throws IOException {
    runInTheStore(TrainTokenizer.COMMAND, trainTokenizer(root()));
    assertSame("tokenizer");
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    assertSame("shards");
    runInTheStore(VerifyShards.COMMAND, List.of("--shards=" + root() + "/shards"));
    runInTheStore(PretrainMim.COMMAND, pretrain(root()));
    assertSame("pretrain");
    assertEquals(metrics(dir + "/pretrain"), metrics(root() + "/pretrain"));
    runInTheStore(
        Evaluate.COMMAND,
        List.of(
            "--backbone=" + root() + "/pretrain",
            "--train=" + root() + "/images",
            "--validation=" + root() + "/images",
            "--output=" + root() + "/evaluation"));
    assertEquals(
        List.of("evaluation.json", "rejected/rejected-00000-of-00001.jsonl"),
        names(storedFiles("evaluation")));
  }

  @Test
  void twoWorkersAverageAsOnTheLocalDisk() throws IOException {
    upload("shards");
    proxy.inject(Fault.ANSWER_CUT, 2, "GET .*model.safetensors.*alt=media");
    runInTheStore(PretrainMim.COMMAND, pretrainByTwo(root()));
    assertHappened(2);
    assertSame("by-two");
    assertEquals(metrics(dir + "/by-two"), metrics(root() + "/by-two"));
  }

  /** The table in docs/object-storage.md has what the emulator was really asked for. */
  @Test
  void requestsAreThoseOfTheDocs() throws IOException, InterruptedException {
    upload("tokenizer");
    List<String> table = new ArrayList<>();

    int before = proxy.requests().size();
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    tell("tokenize", before);
    String image = "o/images%2F[a-z]+%2F";
    assertEquals(13, requests(before, image), "images, the broken one included");
    String list = "GET .*/o\\?.*prefix=images/";
    table.add(row("list up to 1000 images, for `tokenize` or `evaluate`", requests(before, list)));
    table.add(row("read an image", requests(before, image + ".*_2560x1600_0b")));
    table.add(row("write a shard of up to 16 MiB", requests(before, "shard-00000.*parquet")));

    before = proxy.requests().size();
    List<String> again = new ArrayList<>(trainTokenizer(root()));
    again.set(1, "--output=" + root() + "/again");
    runInTheStore(TrainTokenizer.COMMAND, again);
    tell("train-tokenizer", before);
    table.add(row("list up to 1000 images, for `train-tokenizer`", requests(before, list)));
    long read = requests(before, image);
    // Twice 4, the first 4 for k-means, and one instead of the broken one where it is met.
    assertTrue(read >= 12 && read <= 14, read + " requests for images");
    assertEquals(read, requests(before, image + ".*alt=media"));

    before = proxy.requests().size();
    runInTheStore(
        Evaluate.COMMAND,
        List.of(
            "--backbone=" + dir + "/pretrain",
            "--train=" + root() + "/images",
            "--leaveOneOut",
            "--output=" + root() + "/evaluation"));
    tell("evaluate", before);
    assertEquals(13, requests(before, image));

    tar();
    before = proxy.requests().size();
    List<String> ofTar = new ArrayList<>(tokenize(root()));
    ofTar.set(0, "--input=" + root() + "/tar/images.tar");
    ofTar.set(2, "--output=" + root() + "/of-tar");
    runInTheStore(TokenizeDataset.COMMAND, ofTar);
    tell("tokenize a tar", before);
    long ofArchive = requests(before, "o/tar%2Fimages.tar");
    // Its first image for the launcher and for the listing; all of it, and its end.
    assertEquals(4, requests(before, "o/tar%2Fimages.tar.*alt=media"));
    table.add(row("find an archive, and read it", ofArchive));

    String shard = "GET .*o/shards%2Fshard-00000";
    before = proxy.requests().size();
    runInTheStore(VerifyShards.COMMAND, List.of("--shards=" + root() + "/shards"));
    tell("verify", before);
    table.add(row("verify a shard of one row group", requests(before, shard)));
    before = proxy.requests().size();
    runInTheStore(VerifyShards.COMMAND, List.of("--shards=" + root() + "/shards", "--quick"));
    tell("verify --quick", before);
    table.add(row("verify a shard by `--quick`", requests(before, shard)));

    before = proxy.requests().size();
    runInTheStore(PretrainMim.COMMAND, pretrain(root()));
    tell("pretrain", before);
    table.add(row("open a set of shards", requests(before, "o/shards%2Fmanifest")));
    long rowGroups = 2; // the only one, in each of two epochs
    table.add(row("read a row group of a shard", requests(before, shard) / rowGroups));
    String model = "checkpoints(/|%2F)step-000002(/|%2F)model.safetensors";
    table.add(row("write a model or optimizer of up to 16 MiB", requests(before, model)));
    StoredFile.in(root(), "pretrain/checkpoints/step-000004/state.json").deleteIfExists();
    before = proxy.requests().size();
    runInTheStore(PretrainMim.COMMAND, pretrain(root()));
    tell("pretrain, continued", before);
    table.add(row("read a model or optimizer", requests(before, "GET .*" + model)));

    StoredFile manifest = StoredFile.in(root(), "shards/manifest.json");
    manifest.write(
        manifest
            .readText()
            .replaceAll(",\\s*\"rowGroups\" : \\[ (\\[[^\\]]*\\](, )?)* \\]", "")
            .replace("\"schemaVersion\" : 2", "\"schemaVersion\" : 1"));
    before = proxy.requests().size();
    runInTheStore(PretrainMim.COMMAND, pretrain(root(), "of-version-1"));
    tell("pretrain on schema version 1", before);
    table.add(
        row("open a shard of a set of schema version 1", requests(before, shard) - rowGroups * 2));

    String docs = Files.readString(Path.of("../docs/object-storage.md"));
    table.forEach(row -> assertTrue(docs.contains(row), () -> String.join("\n", table)));
  }

  private static String row(String operation, long requests) {
    return "| " + operation + " | " + requests + " |";
  }

  private void tar() throws IOException, InterruptedException {
    Path tar = dir.resolve("images.tar");
    Process process =
        new ProcessBuilder(
                "tar",
                "-C",
                dir.resolve("images").toString(),
                "-cf",
                tar.toString(),
                "bird",
                "lake")
            .inheritIO()
            .start();
    assertEquals(0, process.waitFor());
    StoredFile.in(root(), "tar/images.tar").write(Files.readAllBytes(tar));
  }

  private long requests(int before, String pattern) {
    List<String> requests = proxy.requests();
    return requests.subList(before, requests.size()).stream()
        .filter(Pattern.compile(pattern).asPredicate())
        .count();
  }

  /** Requests by kind. */
  private void tell(String command, int before) {
    SortedMap<String, Integer> kinds = new TreeMap<>();
    List<String> requests = proxy.requests();
    for (String request : requests.subList(before, requests.size())) {
      kinds.merge(request.replace(bucket, "B").replaceAll("[0-9a-f-]{20,}", "U"), 1, Integer::sum);
    }
    System.out.println(command + " made " + (requests.size() - before) + " requests");
    if (Boolean.getBoolean("gcs.requests")) {
      kinds.forEach((kind, count) -> System.out.println("  " + count + " " + kind));
    }
  }

  @Test
  void aKilledRunContinues() throws IOException {
    upload("shards");
    upload("pretrain");
    // As if the run had been killed while it wrote the last checkpoint.
    StoredFile.in(root(), "pretrain/checkpoints/step-000004/state.json").deleteIfExists();
    StoredFile.in(root(), "pretrain/checkpoints/step-000004/model.safetensors").write("half");
    StoredFile.in(root(), "pretrain/checkpoints/step-000004/optimizer-1.safetensors").write("left");
    proxy.inject(Fault.UNAVAILABLE, 1, DELETE);
    proxy.inject(Fault.ANSWER_LOST, 1, DELETE);
    runInTheStore(PretrainMim.COMMAND, pretrain(root()));
    assertHappened(2);
    assertSame("pretrain/checkpoints");
    assertEquals(metrics(dir + "/pretrain"), metrics(root() + "/pretrain"));
    assertFalse(
        names(storedFiles("pretrain")).stream().anyMatch(name -> name.contains("tmp")),
        "what was aside is left");
  }

  @Test
  void requestsToAnUnavailableStoreAreRetried() throws IOException {
    upload("tokenizer");
    proxy.inject(Fault.UNAVAILABLE, 1, "GET /storage/v1/b/[^/]+/o\\?.*images");
    proxy.inject(Fault.UNAVAILABLE, 2, "GET .*alt=media");
    proxy.inject(Fault.UNAVAILABLE, 1, "POST .*uploadType=resumable");
    proxy.inject(Fault.UNAVAILABLE, 2, SHARD);
    proxy.inject(Fault.UNAVAILABLE, 1, COMMIT);
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    assertHappened(7);
    assertSame("shards");
  }

  /** The store answers, but never with this image. */
  @Test
  void anImageThatCannotBeHadIsRejected() throws IOException {
    upload("tokenizer");
    String image = "GET .*o/images%2Flake%2Flake_2560x1600_0b[.]JPEG.*alt=media";
    proxy.inject(Fault.UNAVAILABLE, 1000, image);
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    assertEquals(11, ShardManifest.read(root() + "/shards").rows());
    String rejected =
        StoredFile.in(root(), "shards/rejected/rejected-00000-of-00001.jsonl").readText();
    assertTrue(
        rejected.contains("\"lake/lake_2560x1600_0b.JPEG\",\"reason\":\"unreadable (503"),
        rejected);
    long tried = proxy.requests().stream().filter(Pattern.compile(image).asPredicate()).count();
    assertTrue(tried >= 5 && tried <= 10, "tried " + tried + " times");
  }

  @Test
  void aCutConnectionLosesNothing() throws IOException {
    upload("tokenizer");
    proxy.inject(Fault.CUT_IN_THE_MIDDLE, 2, SHARD);
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    assertHappened(2);
    assertSame("shards");
  }

  @Test
  void aCutConnectionInALaterPartOfACheckpointLosesNothing() throws IOException {
    upload("shards");
    proxy.pass(1, OPTIMIZER);
    proxy.inject(Fault.CUT_IN_THE_MIDDLE, 1, OPTIMIZER);
    proxy.inject(Fault.ANSWER_LOST, 1, OPTIMIZER);
    proxy.inject(Fault.ANSWER_LOST, 3, COMMIT);
    runInTheStore(PretrainMim.COMMAND, pretrain(root()), "--gcsUploadBufferSizeBytes=4194304");
    assertHappened(5);
    assertSame("pretrain");
  }

  @Test
  void anInterruptedReadResumes() throws IOException {
    upload("tokenizer");
    // So small that the answer breaks off before its length was told.
    proxy.inject(Fault.ANSWER_CUT, 2, "GET .*o/images%2Fbird%2Fbroken.*alt=media");
    proxy.inject(Fault.ANSWER_CUT, 3, "GET .*o/images.*alt=media");
    proxy.inject(Fault.ANSWER_CUT, 1, "GET .*model.safetensors.*alt=media");
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    proxy.inject(Fault.ANSWER_CUT, 3, "GET .*o/shards%2Fshard.*alt=media");
    runInTheStore(VerifyShards.COMMAND, List.of("--shards=" + root() + "/shards"));
    runInTheStore(PretrainMim.COMMAND, pretrain(root()));
    assertHappened(9);
    assertSame("shards");
    assertSame("pretrain");
  }

  @Test
  void aLostResponseDuplicatesNothing() throws IOException {
    upload("tokenizer");
    proxy.pass(2, COMMIT); // of the hold and config.json; the next is the manifest's
    proxy.inject(Fault.ANSWER_LOST, 1, COMMIT);
    proxy.inject(Fault.ANSWER_LOST, 1, SHARD);
    runInTheStore(TokenizeDataset.COMMAND, tokenize(root()));
    assertHappened(2);
    assertSame("shards");
    long commits =
        proxy.requests().stream()
            .filter(line -> Pattern.compile(COMMIT).matcher(line).find())
            .count();
    assertEquals(4, commits, "the hold, config.json, manifest.json and that again");
  }
}
