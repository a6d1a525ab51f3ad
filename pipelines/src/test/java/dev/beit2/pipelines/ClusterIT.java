package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
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

  /** What a command said on stderr, and its exit code. */
  private record Ended(int code, String said) {
    Ended expect(int wanted) {
      assertEquals(wanted, code, said);
      return this;
    }
  }

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  /** Runs a command on the cluster. */
  private static Ended run(Command<?> command, String... args) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    List<String> all = new ArrayList<>(List.of(args));
    all.add(CLUSTER.master());
    int code =
        CommandLine.run(
            command,
            all.toArray(String[]::new),
            new PrintStream(new ByteArrayOutputStream(), true, UTF_8),
            new PrintStream(err, true, UTF_8));
    return new Ended(code, err.toString(UTF_8));
  }

  /** The same in a process of its own, as ./beit2 starts it. */
  private static Ended runProcess(Class<?> main, String... args) throws Exception {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add-opens"))
        .forEach(line::add);
    line.add("-Dbeit2.home=" + System.getProperty("beit2.home"));
    String libraries = Files.readString(Path.of("target/classpath")).strip();
    line.addAll(List.of("-cp", "target/classes:" + libraries, main.getName()));
    line.addAll(List.of(args));
    line.add(CLUSTER.master());
    Path err = Files.createTempFile(dir, "said", ".txt");
    Process process =
        new ProcessBuilder(line)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(err.toFile())
            .start();
    return new Ended(process.waitFor(), Files.readString(err));
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

  private static void await(String what, Callable<Boolean> reached) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
    while (!reached.call()) {
      assertTrue(System.nanoTime() < deadline, () -> "waited in vain: " + what);
      Thread.sleep(5);
    }
  }

  /** Paths below a folder, with a digest of each file's bytes. */
  private static Map<String, String> files(String folder) throws Exception {
    Map<String, String> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(dir.resolve(folder))) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file));
        files.put(
            dir.resolve(folder).relativize(file).toString(), HexFormat.of().formatHex(digest));
      }
    }
    return files;
  }

  private static void copyImages() throws IOException {
    for (String name : List.of("bird", "lake")) {
      Path folder = Files.createDirectories(dir.resolve("images/" + name));
      try (Stream<Path> files = Files.list(Path.of("samples/train/" + name))) {
        for (Path file : files.sorted().limit(8).toList()) {
          Files.copy(file, folder.resolve(file.getFileName()));
        }
      }
    }
  }

  @Test
  @Order(1)
  void jobsOneAfterTheOtherFindTheirNativeLibraries() throws Exception {
    copyImages();
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
    await(
        "a shard",
        () -> job.isDone() || !StoredFile.matching(path("killed") + "/*shard-*").isEmpty());
    CLUSTER.kill(2);
    assertFalse(Files.exists(dir.resolve("killed/manifest.json")), "killed too late");
    CLUSTER.add();
    job.get().expect(CommandLine.OK);
    assertEquals(files("shards"), files("killed"));
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
                    "--steps=1000000",
                    "--jobName=endless"));
    String master = CLUSTER.cluster().master();
    await(
        "the job",
        () ->
            FlinkJobs.at(master).jobs().stream()
                .anyMatch(found -> found.name().equals("endless") && !found.ended()));
    FlinkJobs.cancelRunning(master, "another");
    assertFalse(job.isDone());
    FlinkJobs.cancelRunning(master, "endless");
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
