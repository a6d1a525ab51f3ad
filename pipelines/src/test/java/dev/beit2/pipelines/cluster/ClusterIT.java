package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.Commands;
import dev.beit2.pipelines.Commands.Ended;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.tokenize.VerifyShards;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Commands on a Flink cluster of several processes, some of which are killed. */
@Timeout(value = 15, unit = TimeUnit.MINUTES) // ends a test that hangs
final class ClusterIT {
  @RegisterExtension static final FlinkClusterExtension CLUSTER = new FlinkClusterExtension(2);

  @TempDir static Path dir;

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  private static List<String> onCluster(String... args) {
    return Stream.concat(Stream.of(args), Stream.of(CLUSTER.master())).toList();
  }

  /** Runs a command on the cluster. */
  private static Ended run(Command<?> command, String... args) {
    return Commands.run(command, onCluster(args));
  }

  /** Runs a command on the cluster, from a process of its own. */
  private static Ended runProcess(Class<?> main, String... args) throws Exception {
    return Commands.start(main, onCluster(args), dir.resolve(main.getSimpleName() + ".err"))
        .ended();
  }

  /** A folder of 16 images; made once. */
  private static Path images() throws IOException {
    Path images = dir.resolve("images");
    if (!Files.exists(images)) {
      Commands.copyImages(images, 8, "bird", "lake");
    }
    return images;
  }

  /** A run of train-tokenizer; made once. */
  private static Path tokenizer() throws IOException {
    Path tokenizer = dir.resolve("tokenizer");
    if (!Files.exists(tokenizer)) {
      run(
              TrainTokenizer.COMMAND,
              "--input=" + relative(images()),
              "--output=" + relative(tokenizer),
              "--preset=tiny",
              "--batchSize=4",
              "--steps=2",
              "--codebookSize=16")
          .expect(CommandLine.OK);
    }
    return tokenizer;
  }

  /** Shards of {@link #images}; made once, by another process than {@link #tokenizer}. */
  private static Path shards() throws Exception {
    Path shards = dir.resolve("shards");
    tokenizer();
    if (!Files.exists(shards)) {
      runProcess(TokenizeDataset.class, tokenize(shards)).expect(CommandLine.OK);
    }
    return shards;
  }

  /**
   * The processes of the cluster run in another folder, so all paths that reach them are absolute.
   */
  private static Path relative(Path path) {
    return Path.of("").toAbsolutePath().relativize(path);
  }

  private static String[] tokenize(Path output) throws IOException {
    return new String[] {
      "--input=" + relative(images()),
      "--tokenizer=" + relative(tokenizer()),
      "--output=" + relative(output),
      "--views=2",
      // So many that there is time between the first and the last.
      "--shardCount=40"
    };
  }

  /** Starts again what an earlier test has killed. */
  @BeforeEach
  void startCluster() throws Exception {
    CLUSTER.resumeTaskManagers();
    CLUSTER.start();
  }

  @Test
  void jobsOfSeveralLaunchersFindTheirNativeLibraries() throws Exception {
    // On both TaskManagers, as each has one slot.
    assertEquals(16, ShardManifest.read(shards().toString()).rows());
  }

  @Test
  void aJobThatLosesATaskManagerWritesTheSameFiles() throws Exception {
    String[] tokenize = tokenize(dir.resolve("killed"));
    CompletableFuture<Ended> job =
        CompletableFuture.supplyAsync(() -> run(TokenizeDataset.COMMAND, tokenize));
    Commands.await(
        "a shard",
        () -> job.isDone() || !StoredFile.matching(path("killed"), "*shard-*").isEmpty());
    CLUSTER.pauseTaskManagers();
    assertFalse(Files.exists(dir.resolve("killed/manifest.json")), "paused too late");
    CLUSTER.kill(2);
    CLUSTER.resumeTaskManagers();
    CLUSTER.add();
    job.get().expect(CommandLine.OK);
    assertEquals(Commands.digests(shards()), Commands.digests(dir.resolve("killed")));
  }

  @Test
  void invalidInputFoundByAWorkerIsReportedInOneLine() throws Exception {
    Path shards = Commands.copyFolder(shards(), dir.resolve("broken-shards"));
    for (ShardManifest.Shard shard : ShardManifest.read(shards.toString()).shards()) {
      Files.writeString(shards.resolve(shard.file()), "no Parquet");
    }
    Ended ended =
        runProcess(
                PretrainMim.class,
                "--shards=" + shards,
                "--output=" + path("pretrain"),
                "--preset=tiny",
                "--steps=2",
                "--batchSize=2")
            .expect(CommandLine.INVALID);
    assertEquals(1, ended.said().lines().filter(line -> line.contains("found")).count());
    assertFalse(ended.said().contains("\tat "), ended.said());
  }

  /** {@code flink run}: Flink's client runs the {@code main}, which submits two jobs. */
  @Test
  void flinkRunPretrains() throws Exception {
    Ended ended =
        flinkRun(
            PretrainMim.class,
            "--shards=" + relative(shards()),
            "--output=" + relative(dir.resolve("submitted")),
            "--preset=tiny",
            "--steps=2",
            "--localSteps=1",
            "--roundsPerJob=1",
            "--batchSize=2",
            "--workers=2");
    ended.expect(CommandLine.OK);
    assertTrue(ended.said().contains("[pretrain] 2/2"), ended.said());
    assertTrue(Files.exists(dir.resolve("submitted/checkpoints/step-000002/state.json")));
    List<String> jobs = CLUSTER.cluster().jobs().jobs().stream().map(FlinkJobs.Job::name).toList();
    assertEquals(
        2,
        jobs.stream().filter(job -> job.matches("pretrain .*/submitted")).count(),
        jobs::toString);
  }

  @Test
  void flinkRunTellsWhatIsWrongWithAnOption() throws Exception {
    Ended ended = flinkRun(VerifyShards.class, "--shards=" + shards(), CLUSTER.master());
    ended.expect(CommandLine.INVALID);
    assertTrue(ended.said().contains("wanted flink run --jobmanager=HOST:PORT"), ended.said());
  }

  /** {@code flink run} in a process of its own, as the script {@code bin/flink} starts it. */
  private static Ended flinkRun(Class<?> main, String... args) throws Exception {
    Path err = dir.resolve("flink.err");
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add-opens"))
        .forEach(line::add);
    line.addAll(List.of("-cp", Files.readString(Path.of("target/flink-lib-classpath")).strip()));
    line.addAll(
        List.of(
            "org.apache.flink.client.cli.CliFrontend",
            "run",
            "--jobmanager",
            CLUSTER.cluster().master(),
            "--class",
            main.getName(),
            "target/beit2-job.jar"));
    line.addAll(List.of(args));
    ProcessBuilder builder =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(err.toFile());
    builder.environment().put("FLINK_CONF_DIR", Path.of("flink-conf").toAbsolutePath().toString());
    return new Commands.Started(builder.start(), err).ended();
  }

  /** A jar that was uploaded runs in the JobManager, which answers when the job is submitted. */
  @Test
  void aJarUploadedToTheRestApiTokenizes() throws Exception {
    Rest rest = new Rest(CLUSTER.cluster().master());
    String jar = rest.upload(Path.of("target/beit2-job.jar"));
    Path output = dir.resolve("uploaded");
    String[] options = tokenize(output);
    for (int i = 0; i < options.length; i++) {
      options[i] = options[i].replace(relative(dir).toString(), dir.toString());
    }
    Map<String, Object> submitted =
        rest.post(
            "/jars/" + jar + "/run",
            Map.of("entryClass", TokenizeDataset.class.getName(), "programArgsList", options));
    assertTrue(submitted.containsKey("jobid"), submitted::toString);
    Commands.await(
        "the set",
        () -> {
          assertTrue(
              CLUSTER.cluster().jobs().jobs().stream()
                  .filter(job -> job.id().equals(submitted.get("jobid")))
                  .allMatch(job -> !job.ended() || job.state().equals("FINISHED")));
          return Files.exists(output.resolve("manifest.json"));
        });
    assertEquals(Commands.digests(shards()).keySet(), Commands.digests(output).keySet());
    // What is refused does not end the JobManager, and the answer says why.
    Map<String, Object> refused =
        rest.post(
            "/jars/" + jar + "/run",
            Map.of(
                "entryClass",
                PretrainMim.class.getName(),
                "programArgsList",
                List.of("--workers=2")));
    assertTrue(
        refused.toString().contains("wanted flink run without --detached"), refused::toString);
    Map<String, Object> invalid =
        rest.post(
            "/jars/" + jar + "/run",
            Map.of("entryClass", TokenizeDataset.class.getName(), "programArgsList", List.of()));
    assertTrue(invalid.toString().contains("--input"), invalid::toString);
    assertTrue(CLUSTER.cluster().jobManager().alive());
  }

  @Test
  void onlyJobsWithThisNameAreCancelled() throws Exception {
    String input = "--input=" + images();
    CompletableFuture<Ended> job =
        CompletableFuture.supplyAsync(
            () ->
                run(
                    TrainTokenizer.COMMAND,
                    input,
                    "--output=" + path("endless"),
                    "--preset=tiny",
                    "--batchSize=2",
                    "--steps=1000000"));
    String master = CLUSTER.cluster().master();
    String name = "train-tokenizer " + path("endless");
    Commands.await(
        "the job",
        () -> {
          assertFalse(job.isDone(), () -> job.join().said());
          return FlinkJobs.at(master).jobs().stream()
              .anyMatch(found -> found.name().equals(name) && found.state().equals("RUNNING"));
        });
    FlinkJobs.cancelRunning(master, "another");
    assertFalse(job.isDone());
    FlinkJobs.cancelRunning(master, name);
    assertTrue(FlinkJobs.at(master).jobs().stream().allMatch(FlinkJobs.Job::ended));
    job.get().expect(CommandLine.FAILED);
  }

  @Test
  void aKilledJobManagerIsStartedAtTheSameAddress() throws Exception {
    Path shards = shards();
    String master = CLUSTER.master();
    int taskManagers = CLUSTER.cluster().settings().taskManagers();
    CLUSTER.killJobManager();
    CLUSTER.start();
    assertEquals(master, CLUSTER.master());
    assertEquals(
        new FlinkJobs.Overview(taskManagers, taskManagers, taskManagers),
        CLUSTER.cluster().jobs().overview());
    run(VerifyShards.COMMAND, "--shards=" + shards).expect(CommandLine.OK);
  }
}
