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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Commands on a Flink cluster of several processes, some of which are killed. */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Timeout(value = 5, unit = TimeUnit.MINUTES)
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

  /** The same in a process of its own. */
  private static Ended runProcess(Class<?> main, String... args) throws Exception {
    return Commands.start(main, onCluster(args), dir.resolve(main.getSimpleName() + ".err"))
        .ended();
  }

  private static String[] tokenize(String output) {
    return new String[] {
      "--input=" + path("images"),
      "--tokenizer=" + path("tokenizer"),
      "--output=" + path(output),
      "--views=2",
      // So many that there is time between the first and the last.
      "--shardCount=40"
    };
  }

  @Test
  @Order(1)
  void jobsOneAfterTheOtherFindTheirNativeLibraries() throws Exception {
    Commands.copyImages(dir.resolve("images"), 8, "bird", "lake");
    run(
            TrainTokenizer.COMMAND,
            "--input=" + path("images"),
            "--output=" + path("tokenizer"),
            "--preset=tiny",
            "--batchSize=4",
            "--steps=2",
            "--codebookSize=16")
        .expect(CommandLine.OK);
    // Both TaskManagers, as each has one slot.
    runProcess(TokenizeDataset.class, tokenize("shards")).expect(CommandLine.OK);
    assertEquals(16, ShardManifest.read(path("shards")).rows());
  }

  @Test
  @Order(2)
  void aKilledTaskManagerIsReplacedByAnotherAndNothingIsDifferent() throws Exception {
    CompletableFuture<Ended> job =
        CompletableFuture.supplyAsync(() -> run(TokenizeDataset.COMMAND, tokenize("killed")));
    Commands.await(
        "a shard",
        () -> job.isDone() || !StoredFile.matching(path("killed") + "/*shard-*").isEmpty());
    CLUSTER.kill(2);
    assertFalse(Files.exists(dir.resolve("killed/manifest.json")), "killed too late");
    CLUSTER.add();
    job.get().expect(CommandLine.OK);
    assertEquals(Commands.digests(dir.resolve("shards")), Commands.digests(dir.resolve("killed")));
  }

  @Test
  @Order(3)
  void whatIsWrongWithADataSetIsOneLineFromWhereItWasFound() throws Exception {
    for (ShardManifest.Shard shard : ShardManifest.read(path("killed")).shards()) {
      Files.writeString(dir.resolve("killed").resolve(shard.file()), "no Parquet");
    }
    Ended ended =
        runProcess(
                PretrainMim.class,
                "--shards=" + path("killed"),
                "--output=" + path("pretrain"),
                "--preset=tiny",
                "--steps=2",
                "--batchSize=2")
            .expect(CommandLine.INVALID);
    assertEquals(1, ended.said().lines().filter(line -> line.contains("found")).count());
    assertFalse(ended.said().contains("\tat "), ended.said());
  }

  @Test
  @Order(4)
  void jobsOfANameAreCancelled() throws Exception {
    CompletableFuture<Ended> job =
        CompletableFuture.supplyAsync(
            () ->
                run(
                    TrainTokenizer.COMMAND,
                    "--input=" + path("images"),
                    "--output=" + path("endless"),
                    "--preset=tiny",
                    "--batchSize=2",
                    "--steps=1000000"));
    String master = CLUSTER.cluster().master();
    String name = "train-tokenizer " + path("endless");
    Commands.await(
        "the job",
        () ->
            FlinkJobs.at(master).jobs().stream()
                .anyMatch(found -> found.name().equals(name) && !found.ended()));
    FlinkJobs.cancelRunning(master, "another");
    assertFalse(job.isDone());
    FlinkJobs.cancelRunning(master, name);
    assertTrue(FlinkJobs.at(master).jobs().stream().allMatch(FlinkJobs.Job::ended));
    job.get().expect(CommandLine.FAILED);
  }

  @Test
  @Order(5)
  void whatWasKilledIsStartedWhereItWas() throws Exception {
    String master = CLUSTER.master();
    CLUSTER.killJobManager();
    CLUSTER.start();
    assertEquals(master, CLUSTER.master());
    assertEquals(new FlinkJobs.Overview(3, 3, 3), CLUSTER.cluster().jobs().overview());
    run(VerifyShards.COMMAND, "--shards=" + path("shards")).expect(CommandLine.OK);
  }
}
