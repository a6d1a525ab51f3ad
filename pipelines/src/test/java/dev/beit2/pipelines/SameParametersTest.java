package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.finetune.FineTuneClassifier;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Options of a training by one worker that do not change what it learns. */
final class SameParametersTest {
  private static final int STEPS = 6;

  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir static Path shared;
  @TempDir Path dir;

  /** A run of one round; each command's is made once and read by several tests. */
  private static Path oneRound(Command<?> command) throws IOException {
    Path output = shared.resolve(command.name());
    if (!Files.exists(output)) {
      train(command, output, "--localSteps=" + STEPS);
    }
    return output;
  }

  private static void train(Command<?> command, Path output, String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--preset=tiny",
                "--batchSize=4",
                "--seed=5",
                "--steps=" + STEPS,
                "--output=" + output));
    if (command == PretrainMim.COMMAND) {
      args.addAll(List.of("--shards=" + SAMPLES.shards(), "--dropPath=0.1"));
    } else {
      args.add("--input=" + SAMPLES.train());
      args.add(
          command == FineTuneClassifier.COMMAND
              ? "--backbone=" + SAMPLES.pretrained()
              : "--codebookSize=32");
    }
    args.addAll(List.of(more));
    Commands.run(command, args).expect(CommandLine.OK);
  }

  private static byte[] last(Path run, String file) throws IOException {
    Checkpoint last = RunDirectory.latest(run.toString()).orElseThrow();
    assertEquals(STEPS, last.step());
    return Files.readAllBytes(Path.of(last.directory(), file));
  }

  @Test
  void roundsAndJobsOfATokenizersTrainingChangeNoBit() throws IOException {
    assertRoundsAndJobsChangeNoBit(TrainTokenizer.COMMAND, 1);
  }

  @Test
  void roundsAndJobsOfAPretrainingChangeNoBit() throws IOException {
    // Tokenize has left out the image that cannot be decoded.
    assertRoundsAndJobsChangeNoBit(PretrainMim.COMMAND, 0);
  }

  @Test
  void roundsAndJobsOfAFineTuningChangeNoBit() throws IOException {
    assertRoundsAndJobsChangeNoBit(FineTuneClassifier.COMMAND, 1);
  }

  private void assertRoundsAndJobsChangeNoBit(Command<?> command, int rejectedImages)
      throws IOException {
    Path rounds = dir.resolve("rounds");
    Path metrics = dir.resolve("metrics.json");
    train(command, rounds, "--localSteps=2", "--roundsPerJob=2", "--metricsFile=" + metrics);
    for (String file : List.of(Checkpoint.MODEL, Checkpoint.optimizer(0))) {
      assertArrayEquals(last(oneRound(command), file), last(rounds, file), file);
    }
    // Each is counted once, however many jobs there were.
    Map<?, ?> counters = (Map<?, ?>) Json.object(Files.readString(metrics)).get("counters");
    assertEquals(STEPS, counters.get("steps"));
    assertEquals(4 * STEPS, counters.get("images"));
    assertEquals(rejectedImages, counters.get("rejected_images"));
    assertEquals(0, counters.get("corrupt_shards"));
  }

  @Test
  void activationCheckpointingChangesNoBit() throws IOException {
    for (Command<?> command : List.of(PretrainMim.COMMAND, FineTuneClassifier.COMMAND)) {
      Path output = dir.resolve(command.name());
      train(command, output, "--localSteps=" + STEPS, "--recompute");
      assertArrayEquals(last(oneRound(command), Checkpoint.MODEL), last(output, Checkpoint.MODEL));
    }
  }

  @Test
  void gradientAccumulationHardlyChangesTheLossOfAPretraining() throws IOException {
    assertAccumulationHardlyChangesTheLoss(PretrainMim.COMMAND);
  }

  @Test
  void gradientAccumulationHardlyChangesTheLossOfAFineTuning() throws IOException {
    assertAccumulationHardlyChangesTheLoss(FineTuneClassifier.COMMAND);
  }

  private void assertAccumulationHardlyChangesTheLoss(Command<?> command) throws IOException {
    train(command, dir, "--localSteps=" + STEPS, "--accumulate=2");
    Path whole = oneRound(command);
    List<Map<String, Double>> expected = MetricsLog.read(whole.toString());
    List<Map<String, Double>> steps = MetricsLog.read(dir.toString());
    assertEquals(expected.get(0).get("loss"), steps.get(0).get("loss"), 1e-4);
    assertEquals(expected.get(5).get("loss"), steps.get(5).get("loss"), 0.1);
    // Sums of floats in another order: otherwise the option would have done nothing.
    assertFalse(Arrays.equals(last(whole, Checkpoint.MODEL), last(dir, Checkpoint.MODEL)));
  }
}
