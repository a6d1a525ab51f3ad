package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A process that is killed and started again ends where one that was left alone ends, to the bit.
 */
@Timeout(value = 8, unit = TimeUnit.MINUTES)
final class KillTest {
  private static final int STEPS = 12;

  @TempDir Path dir;

  @Test
  void killedCommandsEndWithTheSameFiles() throws Exception {
    String[] tokenizer = {
      "--input=samples/train/lake/*", "--codebookSize=32", "--reviveDeadCodesAfter=3"
    };
    List<String> files = List.of("model.safetensors", "optimizer-0.safetensors");
    killAndCompare(TrainTokenizer.class, TrainTokenizer.COMMAND, "tokenizer", files, tokenizer);
    killTokenizeAndCompare();
    killAndCompare(
        PretrainMim.class,
        PretrainMim.COMMAND,
        "pretrain",
        files,
        "--shards=" + dir.resolve("shards"),
        "--dropPath=0.1",
        "--roundsPerJob=2");
    killAndCompare(
        PretrainMim.class,
        PretrainMim.COMMAND,
        "pretrain-by-two",
        List.of(
            "model.safetensors",
            "optimizer-0.safetensors",
            "optimizer-1.safetensors",
            "outer.safetensors"),
        "--shards=" + dir.resolve("shards"),
        "--workers=2",
        "--outerMomentum=0.9",
        "--outerLearningRate=0.7",
        "--roundsPerJob=1");
  }

  private void killAndCompare(
      Class<?> main, Command<?> command, String name, List<String> files, String... more)
      throws Exception {
    List<String> args = new ArrayList<>(List.of(more));
    args.addAll(List.of("--preset=tiny", "--batchSize=2", "--localSteps=3", "--steps=" + STEPS));
    assertEquals(0, run(command, args, name));
    String killed = name + "-killed";
    // Several workers have one of step 0, too.
    kill(
        main,
        args,
        killed,
        () -> RunDirectory.latest(path(killed)).stream().anyMatch(c -> c.step() > 0));
    long step = RunDirectory.latest(path(killed)).orElseThrow().step();
    assertTrue(step < STEPS, "killed too late");
    assertEquals(0, run(command, args, killed));
    for (String file : files) {
      assertArrayEquals(last(name, file), last(killed, file), file);
    }
    assertEquals(metrics(name), metrics(killed));
  }

  private int run(Command<?> command, List<String> args, String output) {
    List<String> all = new ArrayList<>(args);
    all.add("--output=" + dir.resolve(output));
    return CommandLine.run(command, all.toArray(String[]::new), System.out, System.err);
  }

  private void killTokenizeAndCompare() throws Exception {
    Path images = Files.createDirectories(dir.resolve("images"));
    try (Stream<Path> lakes = Files.list(Path.of("samples/train/lake"))) {
      for (Path lake : lakes.toList()) {
        Files.copy(lake, images.resolve(lake.getFileName()));
      }
    }
    Files.writeString(images.resolve("broken.jpg"), "no picture");
    List<String> args =
        List.of(
            "--input=" + images,
            "--tokenizer=" + path("tokenizer"),
            "--views=2",
            "--centerView",
            "--shardCount=60"); // so many that there is time between the first and the last
    assertEquals(0, run(TokenizeDataset.COMMAND, args, "shards"));
    kill(
        TokenizeDataset.class,
        args,
        "shards-killed",
        () -> !StoredFile.matching(path("shards-killed") + "/*shard-*").isEmpty());
    assertFalse(Files.exists(dir.resolve("shards-killed/manifest.json")), "killed too late");
    // What a kill at other moments leaves.
    Path left = Files.createDirectories(dir.resolve("shards-killed/rejected"));
    for (String file :
        List.of(
            "../.shard-00001-of-00060.parquet.1.tmp",
            "../.manifest.json.1.tmp",
            "../shard-00001-of-00002.parquet",
            ".rejected-00000-of-00001.jsonl.1.tmp",
            "rejected-00007-of-00008.jsonl")) {
      Files.writeString(left.resolve(file), "half a fi");
    }
    assertEquals(0, run(TokenizeDataset.COMMAND, args, "shards-killed"));
    Map<String, String> expected = Commands.digests(dir.resolve("shards"));
    assertTrue(expected.containsKey("rejected/rejected-00000-of-00001.jsonl"), expected::toString);
    assertEquals(expected, Commands.digests(dir.resolve("shards-killed")));
  }

  private String path(String name) {
    return dir.resolve(name).toString();
  }

  /** Starts a command in a process of its own and kills it (SIGKILL) once it has come so far. */
  private void kill(Class<?> main, List<String> args, String output, Callable<Boolean> soFar)
      throws Exception {
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    line.addAll(args);
    line.add("--output=" + dir.resolve(output));
    Path log = dir.resolve(output + ".log");
    Process process =
        new ProcessBuilder(line).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      boolean reached = false;
      while (!reached && process.isAlive()) {
        Thread.sleep(2);
        reached = soFar.call();
      }
      assertTrue(reached, () -> "ended too early, with " + process.exitValue() + ": " + read(log));
    } finally {
      process.destroyForcibly().waitFor();
    }
    assertEquals(137, process.exitValue(), () -> read(log));
  }

  private static String read(Path log) {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      return e.toString();
    }
  }

  private byte[] last(String run, String file) throws IOException {
    Checkpoint checkpoint = RunDirectory.latest(dir.resolve(run).toString()).orElseThrow();
    assertEquals(STEPS, checkpoint.step());
    return Files.readAllBytes(Path.of(checkpoint.directory(), file));
  }

  private List<Map<String, Double>> metrics(String run) throws IOException {
    List<Map<String, Double>> steps = MetricsLog.read(dir.resolve(run).toString());
    steps.forEach(step -> step.keySet().removeAll(MetricsLog.TIMING));
    return steps;
  }
}
