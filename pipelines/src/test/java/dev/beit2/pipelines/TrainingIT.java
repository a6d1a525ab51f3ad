package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.Commands.Ended;
import dev.beit2.pipelines.Commands.Started;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cluster.FlinkClusterExtension;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.flink.FlinkJobs.Job;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Training by two workers on a Flink cluster, and what clusters do to it: however a run was
 * disturbed, it ends with the parameters of one that was left alone, to the bit.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(value = 3, unit = TimeUnit.MINUTES)
final class TrainingIT {
  private static final int LOCAL_STEPS = 6;
  private static final int STEPS = 2 * LOCAL_STEPS;
  private static final int KILLED = 128 + 9;
  private static final List<String> UNSHARE =
      List.of("/usr/bin/unshare", "--user", "--map-root-user", "--mount");

  @RegisterExtension static final FlinkClusterExtension CLUSTER = new FlinkClusterExtension(2);

  @TempDir static Path dir;

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  /** Two rounds of two workers, averaged with momentum. */
  private static List<String> pretrain(String output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--shards=" + path("shards"),
                "--output=" + path(output),
                "--preset=tiny",
                "--batchSize=2",
                "--workers=2",
                "--threads=1",
                "--localSteps=" + LOCAL_STEPS,
                "--steps=" + STEPS,
                "--warmupSteps=2",
                "--outerLearningRate=0.7",
                "--outerMomentum=0.9"));
    args.addAll(List.of(more));
    return args;
  }

  private static List<String> onCluster(List<String> args) {
    return Stream.concat(args.stream(), Stream.of(CLUSTER.master())).toList();
  }

  private static CompletableFuture<Ended> begin(List<String> args) {
    return CompletableFuture.supplyAsync(() -> Commands.run(PretrainMim.COMMAND, onCluster(args)));
  }

  /** A configuration of Flink's for a launcher that is not to wait as long as others do. */
  private static String impatient() throws IOException {
    Path conf = Files.createDirectories(dir.resolve("conf"));
    Files.writeString(
        conf.resolve("flink-conf.yaml"),
        """
        rest.retry.max-attempts: 3
        rest.retry.delay: 500
        restart-strategy.type: fixed-delay
        restart-strategy.fixed-delay.attempts: 1
        restart-strategy.fixed-delay.delay: 100 ms
        """);
    return "--flinkConfDir=" + conf;
  }

  private static Map<String, Object> flink(String path) throws IOException, InterruptedException {
    return CLUSTER.cluster().jobs().send("GET", path);
  }

  private static List<Job> jobs(String output) throws IOException, InterruptedException {
    return CLUSTER.cluster().jobs().jobs().stream()
        .filter(job -> job.name().equals("pretrain " + path(output)))
        .toList();
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> list(Map<String, Object> of, String name) {
    return (List<Map<String, Object>>) of.get(name);
  }

  /** What Flink tells of the tasks in which the workers of a round are. */
  private static List<Map<String, Object>> workers(Job job, int step)
      throws IOException, InterruptedException {
    for (Map<String, Object> vertex : list(flink("/jobs/" + job.id()), "vertices")) {
      if (((String) vertex.get("name")).contains("Round to step " + step + "/Local steps)")) {
        return list(
            flink("/jobs/%s/vertices/%s".formatted(job.id(), vertex.get("id"))), "subtasks");
      }
    }
    return List.of();
  }

  /**
   * A round that is under way.
   *
   * @param taskManager one of those that are at it, by number
   */
  private record UnderWay(Job job, int taskManager) {}

  private static Optional<UnderWay> underWay(String output, int step)
      throws IOException, InterruptedException {
    // Tasks run before what they wait for is there.
    if (!Files.exists(checkpoint(output, step - LOCAL_STEPS).resolve("state.json"))) {
      return Optional.empty();
    }
    for (Job job : jobs(output)) {
      for (Map<String, Object> worker : workers(job, step)) {
        if (!job.ended() && worker.get("status").equals("RUNNING")) {
          String name = (String) worker.get("taskmanager-id");
          return Optional.of(new UnderWay(job, Integer.parseInt(name.replace("taskmanager-", ""))));
        }
      }
    }
    return Optional.empty();
  }

  private static UnderWay awaitRound(String output, int step, CompletableFuture<Ended> command)
      throws Exception {
    AtomicReference<UnderWay> found = new AtomicReference<>();
    Commands.await(
        "the round to step " + step,
        () -> {
          underWay(output, step).ifPresent(found::set);
          assertTrue(found.get() != null || !command.isDone(), () -> command.join().said());
          return found.get() != null;
        });
    return found.get();
  }

  private static Path checkpoint(String output, int step) {
    return Path.of(RunDirectory.at(path(output)).folder(step));
  }

  private static void assertLastCheckpoint(int step, String output) throws IOException {
    assertEquals(step, RunDirectory.latest(path(output)).orElseThrow().step());
  }

  /** Parameters, both optimizers and the metrics are those of the run that nobody disturbed. */
  private static void assertAsUndisturbed(String output) throws IOException {
    assertLastCheckpoint(STEPS, output);
    assertEquals(tensors("undisturbed"), tensors(output));
    List<Map<String, Double>> metrics = metrics(output);
    assertEquals(
        LongStream.rangeClosed(1, STEPS).boxed().toList(),
        metrics.stream().map(step -> step.get("step").longValue()).toList());
    assertEquals(metrics("undisturbed"), metrics);
  }

  private static Map<String, String> tensors(String output) throws IOException {
    Map<String, String> files = Commands.digests(checkpoint(output, STEPS));
    files.keySet().removeIf(name -> !name.endsWith(".safetensors"));
    assertEquals(
        Set.of(
            "model.safetensors",
            "optimizer-0.safetensors",
            "optimizer-1.safetensors",
            "outer.safetensors"),
        files.keySet());
    return files;
  }

  private static List<Map<String, Double>> metrics(String output) throws IOException {
    List<Map<String, Double>> steps = MetricsLog.read(path(output));
    steps.forEach(step -> step.keySet().removeAll(MetricsLog.TIMING));
    return steps;
  }

  /**
   * Beam's metrics of a job as Flink's REST interface has them: a JSON text with a payload for each
   * transform. Counters (one number) and distributions (count, sum, minimum, maximum) are added up,
   * gauges (time, value) are the last.
   */
  private static Map<String, List<Long>> metrics(Job job) throws Exception {
    Map<String, List<Long>> metrics = new TreeMap<>();
    for (Map<String, Object> accumulator :
        list(flink("/jobs/" + job.id() + "/accumulators"), "user-task-accumulators")) {
      assertEquals("__metricscontainers", accumulator.get("name"));
      Object all = Json.object((String) accumulator.get("value")).get("metrics");
      @SuppressWarnings("unchecked")
      Map<String, Object> attempts = (Map<String, Object>) all;
      for (Map<String, Object> metric : list(attempts, "attempted")) {
        Map<?, ?> labels = (Map<?, ?>) metric.get("labels");
        boolean gauge = ((String) metric.get("urn")).contains(":latest_");
        metrics.merge(
            (String) labels.get("NAME"),
            numbers((String) metric.get("payload")),
            (before, now) -> gauge ? later(before, now) : sums(before, now));
      }
    }
    return metrics;
  }

  private static List<Long> numbers(String payload) throws IOException {
    ByteArrayInputStream in = new ByteArrayInputStream(Base64.getDecoder().decode(payload));
    List<Long> numbers = new ArrayList<>();
    while (in.available() > 0) {
      numbers.add(VarLongCoder.of().decode(in));
    }
    return numbers;
  }

  private static List<Long> later(List<Long> a, List<Long> b) {
    return a.get(0) > b.get(0) ? a : b;
  }

  private static List<Long> sums(List<Long> a, List<Long> b) {
    List<Long> sums = new ArrayList<>();
    for (int i = 0; i < a.size(); i++) {
      sums.add(a.get(i) + b.get(i));
    }
    return sums;
  }

  /** Whatever a test before this one has left. */
  @BeforeEach
  void wholeClusterWithoutJobs() throws Exception {
    for (Job job : CLUSTER.cluster().jobs().jobs()) {
      FlinkJobs.cancelRunning(CLUSTER.cluster().master(), job.name());
    }
    CLUSTER.start();
  }

  @Test
  @Order(1)
  void twoWorkersTrainATokenizer() throws Exception {
    Commands.copyImages(dir.resolve("images"), 8, "bird", "lake");
    Commands.run(
            TrainTokenizer.COMMAND,
            onCluster(
                List.of(
                    "--input=" + path("images"),
                    "--output=" + path("tokenizer"),
                    "--preset=tiny",
                    "--batchSize=2",
                    "--workers=2",
                    "--localSteps=2",
                    "--steps=4",
                    "--codebookSize=16",
                    "--threads=1")))
        .expect(CommandLine.OK);
    assertLastCheckpoint(4, "tokenizer");
    assertEquals(4, MetricsLog.read(path("tokenizer")).size());
    Commands.run(
            TokenizeDataset.COMMAND,
            List.of(
                "--input=" + path("images"),
                "--tokenizer=" + path("tokenizer"),
                "--output=" + path("shards"),
                "--views=2",
                "--shardCount=2"))
        .expect(CommandLine.OK);
    assertEquals(16, ShardManifest.read(path("shards")).rows());
  }

  @Test
  @Order(2)
  void twoWorkersPretrainAndAreSeenFromOutside() throws Exception {
    Path file = dir.resolve("metrics.json");
    begin(pretrain("undisturbed", "--metricsFile=" + file)).get().expect(CommandLine.OK);
    List<Map<String, Double>> steps = MetricsLog.read(path("undisturbed"));
    assertEquals(STEPS, steps.size());
    double first = loss(steps.subList(0, LOCAL_STEPS));
    double last = loss(steps.subList(LOCAL_STEPS, STEPS));
    assertTrue(last < first, steps::toString);
    assertFalse(StoredFile.matching(path("undisturbed") + "/events.out.tfevents.*").isEmpty());

    Job job = jobs("undisturbed").get(0);
    // A worker in each TaskManager, and the same one in each round.
    List<Object> places = places(job, LOCAL_STEPS);
    assertEquals(2, Set.copyOf(places).size(), places::toString);
    assertEquals(places, places(job, STEPS));
    Map<String, List<Long>> inFlink = metrics(job);
    assertEquals(List.of(2L * STEPS), inFlink.get("steps"));
    assertEquals(List.of(2L * 2 * STEPS), inFlink.get("images"));
    List<Long> losses = inFlink.get("loss_thousandths");
    assertEquals(2L * STEPS, losses.get(0));
    assertEquals(loss(steps), losses.get(1) / 1e3 / losses.get(0), 1e-3);
    assertTrue(inFlink.get("wait_percent").get(1) <= 100, inFlink::toString);
    CheckpointState state = RunDirectory.latest(path("undisturbed")).orElseThrow().state();
    double slowest = state.round().trainSeconds();
    assertTrue(
        inFlink.get("images_per_second").get(1) >= Math.round(2 * LOCAL_STEPS / slowest),
        inFlink::toString);

    Map<String, Object> inFile = Json.object(Files.readString(file));
    Map<String, List<Long>> told = new TreeMap<>();
    ((Map<?, ?>) inFile.get("counters"))
        .forEach((name, value) -> told.put((String) name, number(value)));
    ((Map<?, ?>) inFile.get("gauges"))
        .forEach((name, value) -> told.put((String) name, number(value)));
    for (String name :
        List.of("steps", "images", "averaged_bytes", "wait_percent", "images_per_second")) {
      List<Long> numbers = inFlink.get(name);
      assertEquals(numbers.subList(numbers.size() - 1, numbers.size()), told.get(name), name);
    }
    Map<?, ?> loss = (Map<?, ?>) ((Map<?, ?>) inFile.get("distributions")).get("loss_thousandths");
    assertEquals(2 * STEPS, loss.get("count"));
    assertEquals(loss(steps), ((Number) loss.get("mean")).doubleValue() / 1e3, 1e-3);
  }

  private static List<Long> number(Object value) {
    return List.of(((Number) value).longValue());
  }

  /** The TaskManagers of a round's workers, each of which took one. */
  private static List<Object> places(Job job, int step) throws Exception {
    List<Object> places = new ArrayList<>();
    for (Map<String, Object> worker : workers(job, step)) {
      assertEquals(1, ((Map<?, ?>) worker.get("metrics")).get("read-records"), worker::toString);
      places.add(worker.get("taskmanager-id"));
    }
    return places;
  }

  private static double loss(List<Map<String, Double>> steps) {
    return steps.stream().mapToDouble(step -> step.get("loss")).average().orElseThrow();
  }

  @Test
  @Order(3)
  void itDoesNotMatterWhereTheWorkersAreNorHowManyJobsItTakes() throws Exception {
    Commands.run(PretrainMim.COMMAND, pretrain("embedded", "--roundsPerJob=1"))
        .expect(CommandLine.OK);
    assertAsUndisturbed("embedded");
  }

  @Test
  @Order(4)
  void aTaskManagerIsKilledInTheMiddleOfARound() throws Exception {
    CompletableFuture<Ended> run = begin(pretrain("taskmanager-killed"));
    UnderWay round = awaitRound("taskmanager-killed", STEPS, run);
    // While the job runs, of the rounds that are done.
    assertEquals(List.of(2L * LOCAL_STEPS), metrics(round.job()).get("steps"));
    CLUSTER.kill(round.taskManager());
    assertLastCheckpoint(LOCAL_STEPS, "taskmanager-killed");
    CLUSTER.add();
    run.get().expect(CommandLine.OK);
    assertTrue(
        (int) workers(round.job(), STEPS).get(0).get("attempt") > 0, "nothing was done again");
    assertAsUndisturbed("taskmanager-killed");
  }

  @Test
  @Order(5)
  void theLauncherIsKilledAndThenTheJobManager() throws Exception {
    String output = "launcher-killed";
    Started launcher =
        Commands.start(PretrainMim.class, onCluster(pretrain(output)), dir.resolve("launcher.err"));
    CompletableFuture<Ended> ended = CompletableFuture.supplyAsync(launcher::ended);
    Job first = awaitRound(output, STEPS, ended).job();
    launcher.process().destroyForcibly();
    ended.get().expect(KILLED);

    CompletableFuture<Ended> second = begin(pretrain(output, impatient()));
    Commands.await("another job", () -> second.isDone() || jobs(output).size() == 2);
    // Not of /jobs/ID, whose answers may be three seconds old.
    assertEquals(
        List.of("CANCELED"),
        jobs(output).stream().filter(job -> job.id().equals(first.id())).map(Job::state).toList());
    awaitRound(output, STEPS, second);
    CLUSTER.killJobManager();
    Ended lost = second.get(1, TimeUnit.MINUTES).expect(CommandLine.FAILED);
    assertEquals(1, lost.said().lines().count(), lost.said());
    assertTrue(lost.said().startsWith("the job is lost: "), lost.said());
    assertLastCheckpoint(LOCAL_STEPS, output);

    CLUSTER.start();
    begin(pretrain(output)).get().expect(CommandLine.OK);
    assertAsUndisturbed(output);
  }

  @Test
  @Order(6)
  void aShardIsCorrupt() throws Exception {
    String shard = ShardManifest.read(path("shards")).shards().get(1).file();
    byte[] sound = Files.readAllBytes(dir.resolve("shards").resolve(shard));
    byte[] corrupt = sound.clone();
    corrupt[corrupt.length / 2] ^= 1;
    Files.write(dir.resolve("shards").resolve(shard), corrupt);
    try {
      Ended failed = begin(pretrain("corrupt")).get().expect(CommandLine.INVALID);
      assertEquals(1, failed.said().lines().count(), failed.said());
      assertTrue(failed.said().contains(shard), failed.said());
      Job job = jobs("corrupt").get(0);
      assertEquals("FAILED", job.state());
      assertEquals(
          3,
          workers(job, LOCAL_STEPS).stream()
              .mapToInt(t -> (int) t.get("attempt"))
              .max()
              .orElseThrow());

      begin(pretrain("corrupt", "--skipCorruptShards", "--metricsFile=" + path("corrupt.json")))
          .get()
          .expect(CommandLine.OK);
    } finally {
      Files.write(dir.resolve("shards").resolve(shard), sound);
    }
    assertLastCheckpoint(STEPS, "corrupt");
    Checkpoint last = RunDirectory.latest(path("corrupt")).orElseThrow();
    assertEquals(List.of(shard), last.state().rejectedSoFar().stream().map(r -> r.key()).toList());
    try (Stream<Path> files = Files.list(dir.resolve("corrupt/rejected"))) {
      String lines = Files.readString(files.findFirst().orElseThrow());
      assertEquals(1, lines.lines().count(), lines);
      assertEquals(shard, Json.object(lines).get("key"));
    }
    Map<String, Object> metrics = Json.object(Files.readString(dir.resolve("corrupt.json")));
    assertEquals(1, ((Map<?, ?>) metrics.get("counters")).get("corrupt_shards"));
  }

  @Test
  @Order(7)
  void aCheckpointCannotBeWritten() throws Exception {
    String output = "unwritable";
    Path last = checkpoint(output, STEPS);
    Files.createDirectories(last.getParent());
    Files.writeString(last, "in the way");
    Ended failed = begin(pretrain(output, impatient())).get().expect(CommandLine.FAILED);
    assertTrue(failed.said().contains(last.getFileName().toString()), failed.said());
    Map<String, String> good = Commands.digests(checkpoint(output, LOCAL_STEPS));
    assertTrue(good.containsKey("state.json"), good::toString);
    assertLastCheckpoint(LOCAL_STEPS, output);
    Files.delete(last);

    if (canMount()) {
      fillDisk(output);
      assertLastCheckpoint(LOCAL_STEPS, output);
      assertEquals(good, Commands.digests(checkpoint(output, LOCAL_STEPS)));
    }
    begin(pretrain(output)).get().expect(CommandLine.OK);
    assertAsUndisturbed(output);
  }

  /** Whether this user may mount a file system that only its own process sees. */
  private static boolean canMount() throws Exception {
    List<String> nothing = Stream.concat(UNSHARE.stream(), Stream.of("true")).toList();
    return Files.isExecutable(Path.of(UNSHARE.get(0)))
        && new ProcessBuilder(nothing).start().waitFor() == 0;
  }

  /**
   * Continues a run while the file system of its next checkpoint is too small for an optimizer's
   * file. Only that checkpoint is on the small file system, and the workers are in the launcher's
   * own process, so that nothing else can run out of space first.
   */
  private static void fillDisk(String output) throws Exception {
    Path next = Files.createDirectories(checkpoint(output, STEPS));
    Path optimizer = checkpoint(output, LOCAL_STEPS).resolve("optimizer-0.safetensors");
    List<String> launcher = new ArrayList<>(UNSHARE);
    launcher.addAll(
        List.of(
            "/bin/sh",
            "-c",
            "mount -t tmpfs -o size=$1 tmpfs \"$2\" && shift 2 && exec \"$@\"",
            "sh",
            Long.toString(Files.size(optimizer) / 2),
            next.toString()));
    Ended failed =
        Commands.start(launcher, PretrainMim.class, pretrain(output), dir.resolve("full.err"))
            .ended()
            .expect(CommandLine.FAILED);
    assertTrue(
        failed
            .said()
            .matches(
                "(?s).*cannot write \\S+/optimizer-[01].safetensors .No space left on device.*"),
        failed.said());
  }
}
