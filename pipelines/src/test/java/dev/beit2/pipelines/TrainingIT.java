package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

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
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/**
 * Training by two workers on a Flink cluster while processes are killed and files cannot be read or
 * written: such a run ends with the same parameters as an undisturbed one, bit for bit.
 *
 * <p>A round takes about a second. To act in the middle of one, a test pauses the TaskManagers.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES) // ends a test that hangs
final class TrainingIT {
  private static final int LOCAL_STEPS = 6;
  private static final int STEPS = 2 * LOCAL_STEPS;
  private static final int KILLED = 128 + 9;
  private static final Set<String> CANCELLED = Set.of("CANCELLING", "CANCELED");
  private static final List<String> UNSHARE =
      List.of("/usr/bin/unshare", "--user", "--map-root-user", "--mount");

  @RegisterExtension
  static final FlinkClusterExtension CLUSTER = new FlinkClusterExtension(2).keepingClasses();

  @TempDir static Path dir;

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  /** A run of train-tokenizer; made once, by two workers. */
  private static String tokenizer() throws IOException {
    if (!Files.exists(dir.resolve("tokenizer"))) {
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
                      "--reviveDeadCodesAfter=0",
                      "--localSteps=2",
                      "--steps=4",
                      "--codebookSize=16",
                      "--threads=1")))
          .expect(CommandLine.OK);
    }
    return "tokenizer";
  }

  /** Two shards of 16 images; made once. A test that changes them copies them first. */
  private static Path shards() throws IOException {
    Path shards = dir.resolve("shards");
    if (!Files.exists(shards)) {
      String tokenizer = tokenizer();
      Commands.run(
              TokenizeDataset.COMMAND,
              List.of(
                  "--input=" + path("images"),
                  "--tokenizer=" + path(tokenizer),
                  "--output=" + shards,
                  "--views=2",
                  "--shardCount=2"))
          .expect(CommandLine.OK);
      assertEquals(16, ShardManifest.read(shards.toString()).rows());
    }
    return shards;
  }

  /**
   * A run that nothing disturbs, and what Flink reports of its job.
   *
   * @param firstRound the TaskManager of each worker in the first round
   * @param lastRound the same in the last round
   * @param metrics of the job
   */
  private record Undisturbed(
      String output,
      List<Object> firstRound,
      List<Object> lastRound,
      Map<String, List<Long>> metrics) {}

  private static Undisturbed undisturbed; // made once, see undisturbed()

  private static Undisturbed undisturbed() throws Exception {
    if (undisturbed == null) {
      String output = "undisturbed";
      begin(pretrain(output, "--metricsFile=" + path("metrics.json"))).get().expect(CommandLine.OK);
      Job job = endedJob(output);
      undisturbed =
          new Undisturbed(
              output, taskManagers(job, LOCAL_STEPS), taskManagers(job, STEPS), metrics(job));
    }
    return undisturbed;
  }

  /** The TaskManager of each worker of a round, each of which has read one element. */
  private static List<Object> taskManagers(Job job, int step) throws Exception {
    List<Object> taskManagers = new ArrayList<>();
    for (Map<String, Object> worker : workers(job, step)) {
      assertEquals(1, ((Map<?, ?>) worker.get("metrics")).get("read-records"), worker::toString);
      taskManagers.add(worker.get("taskmanager-id"));
    }
    return taskManagers;
  }

  /** Two rounds of two workers, averaged with momentum. */
  private static List<String> pretrain(String output, String... more) throws IOException {
    return pretrainOn(shards(), output, more);
  }

  private static List<String> pretrainOn(Path shards, String output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--shards=" + shards,
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

  /** A Flink configuration for a launcher that gives up after a few seconds. */
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

  /** The jobs of a run, in no order. */
  private static List<Job> jobs(String output) throws IOException, InterruptedException {
    return CLUSTER.cluster().jobs().jobs().stream()
        .filter(job -> job.name().equals("pretrain " + path(output)))
        .toList();
  }

  @SuppressWarnings("unchecked")
  private static List<Map<String, Object>> list(Map<String, Object> of, String name) {
    return (List<Map<String, Object>>) of.get(name);
  }

  /** The only job of a run, once Flink's answers about it are final: they may be a bit old. */
  private static Job endedJob(String output) throws Exception {
    String id = jobs(output).get(0).id();
    Commands.await(
        "the end of job " + id,
        () ->
            new Job(id, output, (String) flink("/jobs/" + id).get("state")).ended()
                && jobs(output).get(0).ended());
    assertEquals(1, jobs(output).size());
    return jobs(output).get(0);
  }

  /** The tasks of a round's workers, as Flink describes them. */
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

  /** How often Flink has restarted a worker of a round. */
  private static int restarts(Job job, int step) throws IOException, InterruptedException {
    return workers(job, step).stream()
        .mapToInt(worker -> (int) worker.get("attempt"))
        .max()
        .orElseThrow();
  }

  private static boolean isComplete(String output, int step) {
    return Files.exists(checkpoint(output, step).resolve("state.json"));
  }

  /**
   * Waits until a run is in the round to a step, and pauses the TaskManagers there. Each of both
   * has a worker of the round.
   *
   * @return the job
   */
  private static Job pauseInRound(String output, int step, CompletableFuture<Ended> command)
      throws Exception {
    AtomicReference<Job> job = new AtomicReference<>();
    Commands.await(
        "the job of the round to step " + step,
        () -> {
          assertFalse(command.isDone(), () -> command.join().said());
          List<Job> running = jobs(output).stream().filter(found -> !found.ended()).toList();
          running.forEach(job::set);
          return !running.isEmpty();
        });
    Commands.await(
        "the checkpoint before the round",
        () -> command.isDone() || isComplete(output, step - LOCAL_STEPS));
    pauseWhen(
        "the round to step " + step,
        command,
        // Its tasks run even before there is a checkpoint to start from.
        () ->
            workers(job.get(), step).stream()
                    .filter(worker -> worker.get("status").equals("RUNNING"))
                    .count()
                == 2);
    assertFalse(isComplete(output, step), "the round had ended before it was paused");
    return job.get();
  }

  /**
   * Pauses the TaskManagers as soon as a condition holds. What Flink answers may be half a second
   * old, and a round may be over by then. So they are paused at once, and while the condition does
   * not hold they go on in turns that are shorter than a round.
   */
  private static void pauseWhen(
      String what, CompletableFuture<Ended> command, Callable<Boolean> condition) throws Exception {
    CLUSTER.pauseTaskManagers();
    Commands.await(
        what,
        () -> {
          for (int i = 0; i < 10; i++) {
            if (condition.call()) {
              return true;
            }
            Thread.sleep(100);
          }
          assertFalse(command.isDone(), () -> command.join().said());
          CLUSTER.resumeTaskManagers();
          Thread.sleep(200);
          CLUSTER.pauseTaskManagers();
          return false;
        });
  }

  private static Path checkpoint(String output, int step) {
    return Path.of(RunDirectory.at(path(output)).folder(step));
  }

  private static void assertLastCheckpoint(int step, String output) throws IOException {
    assertEquals(step, RunDirectory.latest(path(output)).orElseThrow().step());
  }

  /** The parameters, all optimizers and the metrics are those of the undisturbed run. */
  private static void assertAsUndisturbed(String output) throws Exception {
    String expected = undisturbed().output();
    assertLastCheckpoint(STEPS, output);
    assertEquals(tensors(expected), tensors(output));
    List<Map<String, Double>> metrics = metrics(output);
    assertEquals(
        LongStream.rangeClosed(1, STEPS).boxed().toList(),
        metrics.stream().map(step -> step.get("step").longValue()).toList());
    assertEquals(metrics(expected), metrics);
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
   * Beam's metrics of a job. Flink's REST API has them as a JSON text with a payload per transform.
   * Counters (one number) and distributions (count, sum, minimum, maximum) are added up. Of gauges
   * (time, value) the last counts; if two have the same time, both values do.
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
    if (a.get(0).equals(b.get(0))) {
      return Stream.concat(a.stream(), b.stream().skip(1)).toList();
    }
    return a.get(0) > b.get(0) ? a : b;
  }

  private static List<Long> sums(List<Long> a, List<Long> b) {
    List<Long> sums = new ArrayList<>();
    for (int i = 0; i < a.size(); i++) {
      sums.add(a.get(i) + b.get(i));
    }
    return sums;
  }

  /** Repairs what an earlier test has done to the cluster. */
  @BeforeEach
  void startClusterWithoutJobs() throws Exception {
    CLUSTER.resumeTaskManagers();
    CLUSTER.start();
    for (Job job : CLUSTER.cluster().jobs().jobs()) {
      FlinkJobs.cancelRunning(CLUSTER.cluster().master(), job.name());
    }
  }

  @Test
  void twoWorkersTrainATokenizer() throws Exception {
    String output = tokenizer();
    assertLastCheckpoint(4, output);
    assertEquals(4, MetricsLog.read(path(output)).size());
  }

  @Test
  void twoWorkersPretrain() throws Exception {
    String output = undisturbed().output();
    List<Map<String, Double>> steps = MetricsLog.read(path(output));
    assertEquals(STEPS, steps.size());
    double first = loss(steps.subList(0, LOCAL_STEPS));
    double last = loss(steps.subList(LOCAL_STEPS, STEPS));
    assertTrue(last < first, steps::toString);
    assertFalse(StoredFile.matching(path(output), "events.out.tfevents.*").isEmpty());
  }

  /** Without them all else would pass, too, and take longer. */
  @Test
  void theClusterHasTheClassesOfJobs() throws Exception {
    String classPath = flink("/jobmanager/environment").get("classpath").toString();
    assertTrue(classPath.contains("beit2-job.jar"), classPath);
  }

  @Test
  void eachWorkerKeepsATaskManagerOfItsOwn() throws Exception {
    List<Object> taskManagers = undisturbed().firstRound();
    assertEquals(2, Set.copyOf(taskManagers).size(), taskManagers::toString);
    assertEquals(taskManagers, undisturbed().lastRound());
  }

  @Test
  void flinkAndTheMetricsFileHaveTheMetricsOfAllWorkers() throws Exception {
    List<Map<String, Double>> steps = MetricsLog.read(path(undisturbed().output()));
    Map<String, List<Long>> inFlink = undisturbed().metrics();
    assertEquals(List.of(2L * STEPS), inFlink.get("steps"));
    assertEquals(List.of(2L * 2 * STEPS), inFlink.get("images"));
    List<Long> losses = inFlink.get("loss_thousandths");
    assertEquals(2L * STEPS, losses.get(0));
    assertEquals(loss(steps), losses.get(1) / 1e3 / losses.get(0), 1e-3);
    assertTrue(inFlink.get("wait_percent").get(1) <= 100, inFlink::toString);
    CheckpointState state = RunDirectory.latest(path(undisturbed().output())).orElseThrow().state();
    double slowest = state.round().trainSeconds();
    assertTrue(
        inFlink.get("images_per_second").get(1) >= Math.round(2 * LOCAL_STEPS / slowest),
        inFlink::toString);

    Map<String, Object> inFile = Json.object(Files.readString(dir.resolve("metrics.json")));
    for (String counter : List.of("steps", "images", "averaged_bytes")) {
      assertEquals(
          inFlink.get(counter), number(((Map<?, ?>) inFile.get("counters")).get(counter)), counter);
    }
    for (String gauge : List.of("wait_percent", "images_per_second")) {
      List<Long> values = inFlink.get(gauge).stream().skip(1).toList();
      List<Long> value = number(((Map<?, ?>) inFile.get("gauges")).get(gauge));
      assertTrue(values.containsAll(value), () -> gauge + ": " + value + " of " + values);
    }
    Map<?, ?> loss = (Map<?, ?>) ((Map<?, ?>) inFile.get("distributions")).get("loss_thousandths");
    assertEquals(2 * STEPS, loss.get("count"));
    assertEquals(loss(steps), ((Number) loss.get("mean")).doubleValue() / 1e3, 1e-3);
  }

  private static List<Long> number(Object value) {
    return List.of(((Number) value).longValue());
  }

  private static double loss(List<Map<String, Double>> steps) {
    return steps.stream().mapToDouble(step -> step.get("loss")).average().orElseThrow();
  }

  @Test
  void aRunInOneProcessWithAJobPerRoundIsTheSame() throws Exception {
    Commands.run(PretrainMim.COMMAND, pretrain("embedded", "--roundsPerJob=1"))
        .expect(CommandLine.OK);
    assertAsUndisturbed("embedded");
  }

  @Test
  void aTaskManagerIsKilledInTheMiddleOfARound() throws Exception {
    String output = "taskmanager-killed";
    CompletableFuture<Ended> run = begin(pretrain(output));
    Job job = pauseInRound(output, STEPS, run);
    // Flink has the metrics of finished rounds while the job runs.
    pauseWhen(
        "the metrics of the first round",
        run,
        () -> metrics(job).getOrDefault("steps", List.of(0L)).get(0) >= 2 * LOCAL_STEPS);
    CLUSTER.kill(1);
    assertLastCheckpoint(LOCAL_STEPS, output);
    CLUSTER.resumeTaskManagers();
    CLUSTER.add();
    run.get().expect(CommandLine.OK);
    assertTrue(restarts(endedJob(output), STEPS) > 0, "no worker was restarted");
    assertAsUndisturbed(output);
  }

  @Test
  void theLauncherIsKilledAndThenTheJobManager() throws Exception {
    String output = "launcher-killed";
    Started launcher =
        Commands.start(PretrainMim.class, onCluster(pretrain(output)), dir.resolve("launcher.err"));
    CompletableFuture<Ended> ended = CompletableFuture.supplyAsync(launcher::ended);
    Job first = pauseInRound(output, STEPS, ended);
    launcher.process().destroyForcibly();
    ended.get().expect(KILLED);

    CompletableFuture<Ended> second = begin(pretrain(output, impatient()));
    // The job stays paused until then: it could end before the second launcher cancels it.
    Commands.await(
        "the first job's cancellation",
        () -> second.isDone() || CANCELLED.contains(state(output, first)));
    CLUSTER.resumeTaskManagers();
    Commands.await("the second job", () -> second.isDone() || jobs(output).size() == 2);
    pauseInRound(output, STEPS, second);
    assertEquals("CANCELED", state(output, first));
    assertEquals(2, jobs(output).size());

    CLUSTER.killJobManager();
    Ended lost = second.get().expect(CommandLine.FAILED);
    assertEquals(1, lost.said().lines().count(), lost.said());
    assertTrue(lost.said().startsWith("the job is lost: "), lost.said());
    assertLastCheckpoint(LOCAL_STEPS, output);

    CLUSTER.resumeTaskManagers();
    CLUSTER.start();
    begin(pretrain(output)).get().expect(CommandLine.OK);
    assertAsUndisturbed(output);
  }

  private static String state(String output, Job job) throws Exception {
    return jobs(output).stream()
        .filter(found -> found.id().equals(job.id()))
        .map(Job::state)
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aShardIsCorrupt() throws Exception {
    Path shards = Commands.copyFolder(shards(), dir.resolve("corrupt-shards"));
    String shard = ShardManifest.read(shards.toString()).shards().get(1).file();
    byte[] bytes = Files.readAllBytes(shards.resolve(shard));
    bytes[bytes.length / 2] ^= 1;
    Files.write(shards.resolve(shard), bytes);

    Ended failed = begin(pretrainOn(shards, "corrupt")).get().expect(CommandLine.INVALID);
    assertEquals(1, failed.said().lines().count(), failed.said());
    assertTrue(failed.said().contains(shard), failed.said());
    Job job = endedJob("corrupt");
    assertEquals("FAILED", job.state());
    assertEquals(3, restarts(job, LOCAL_STEPS));

    Path metrics = dir.resolve("corrupt.json");
    begin(pretrainOn(shards, "corrupt", "--skipCorruptShards", "--metricsFile=" + metrics))
        .get()
        .expect(CommandLine.OK);
    assertLastCheckpoint(STEPS, "corrupt");
    Checkpoint last = RunDirectory.latest(path("corrupt")).orElseThrow();
    assertEquals(List.of(shard), last.state().rejectedSoFar().stream().map(r -> r.key()).toList());
    try (Stream<Path> files = Files.list(dir.resolve("corrupt/rejected"))) {
      String lines = Files.readString(files.findFirst().orElseThrow());
      assertEquals(1, lines.lines().count(), lines);
      assertEquals(shard, Json.object(lines).get("key"));
    }
    Map<?, ?> counters = (Map<?, ?>) Json.object(Files.readString(metrics)).get("counters");
    assertEquals(1, counters.get("corrupt_shards"));
  }

  @Test
  void aCheckpointCannotBeWritten() throws Exception {
    String output = "unwritable";
    Path last = checkpoint(output, STEPS);
    Files.createDirectories(last.getParent());
    Files.writeString(last, "in the way");
    begin(pretrain(output, impatient())).get().expect(CommandLine.FAILED);
    // The launcher prints the last failure. On a busy machine that may be another one: of a task
    // whose input is gone, as the task before it has failed.
    String failures = failures(endedJob(output));
    assertTrue(failures.contains(last.getFileName().toString()), failures);
    Map<String, String> good = Commands.digests(checkpoint(output, LOCAL_STEPS));
    assertTrue(good.containsKey("state.json"), good::toString);
    assertLastCheckpoint(LOCAL_STEPS, output);
    Files.delete(last);

    boolean full = canMount();
    if (full) {
      fillDisk(output);
      assertLastCheckpoint(LOCAL_STEPS, output);
      assertEquals(good, Commands.digests(checkpoint(output, LOCAL_STEPS)));
    }
    begin(pretrain(output)).get().expect(CommandLine.OK);
    assertAsUndisturbed(output);
    assumeTrue(full, "without a full disk: this user cannot mount a file system with unshare");
  }

  /** All failures of a job with their stack traces, as Flink reports them. */
  private static String failures(Job job) throws Exception {
    return flink("/jobs/" + job.id() + "/exceptions?maxExceptions=100").toString();
  }

  /** Whether this user may mount a file system that only its own process sees. */
  private static boolean canMount() throws Exception {
    List<String> mount =
        List.of("/bin/mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.toString());
    List<String> tried = Stream.concat(UNSHARE.stream(), mount.stream()).toList();
    return Files.isExecutable(Path.of(UNSHARE.get(0)))
        && new ProcessBuilder(tried).start().waitFor() == 0;
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
            .expect(CommandLine.INVALID);
    assertTrue(
        failed
            .said()
            .matches(
                "(?s).*cannot write \\S+/optimizer-[01].safetensors .No space left on device.*"),
        failed.said());
  }
}
