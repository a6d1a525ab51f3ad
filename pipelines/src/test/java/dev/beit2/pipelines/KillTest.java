package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A training process that is killed and started again ends where one that was left alone ends, to
 * the bit.
 */
@Timeout(value = 4, unit = TimeUnit.MINUTES)
final class KillTest {
  private static final int STEPS = 12;

  @TempDir Path dir;

  @Test
  void killedTrainingsEndWithTheSameParameters() throws Exception {
    String[] tokenizer = {
      "--input=samples/train/lake/*", "--codebookSize=32", "--reviveDeadCodesAfter=3"
    };
    killAndCompare(TrainTokenizer.class, TrainTokenizer.COMMAND, "tokenizer", tokenizer);
    assertEquals(
        0,
        CommandLine.run(
            TokenizeDataset.COMMAND,
            new String[] {
              "--input=samples/train/lake/*",
              "--tokenizer=" + dir.resolve("tokenizer"),
              "--output=" + dir.resolve("shards"),
              "--views=2"
            },
            System.out,
            System.err));
    killAndCompare(
        PretrainMim.class,
        PretrainMim.COMMAND,
        "pretrain",
        "--shards=" + dir.resolve("shards"),
        "--dropPath=0.1");
  }

  private void killAndCompare(Class<?> main, Command<?> command, String name, String... data)
      throws Exception {
    List<String> args = new ArrayList<>(List.of(data));
    args.addAll(
        List.of("--preset=tiny", "--batchSize=2", "--checkpointEvery=3", "--steps=" + STEPS));
    assertEquals(0, run(command, args, name));
    String killed = name + "-killed";
    kill(main, args, killed);
    long step = RunDirectory.latest(dir.resolve(killed).toString()).orElseThrow().step();
    assertTrue(step < STEPS, "killed too late");
    assertEquals(0, run(command, args, killed));
    for (String file : List.of("model.safetensors", "optimizer-0.safetensors")) {
      assertArrayEquals(last(name, file), last(killed, file), file);
    }
    assertEquals(metrics(name), metrics(killed));
  }

  private int run(Command<?> command, List<String> args, String output) {
    List<String> all = new ArrayList<>(args);
    all.add("--output=" + dir.resolve(output));
    return CommandLine.run(command, all.toArray(String[]::new), System.out, System.err);
  }

  /**
   * Starts a training in a process of its own and kills it (SIGKILL) once it has written a
   * checkpoint.
   */
  private void kill(Class<?> main, List<String> args, String output) throws Exception {
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
      Optional<Checkpoint> checkpoint = Optional.empty();
      while (checkpoint.isEmpty() && process.isAlive()) {
        Thread.sleep(5);
        checkpoint = RunDirectory.latest(dir.resolve(output).toString());
      }
      assertFalse(checkpoint.isEmpty(), () -> "ended before a checkpoint: " + read(log));
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
