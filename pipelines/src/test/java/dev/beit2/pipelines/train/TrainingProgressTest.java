package dev.beit2.pipelines.train;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.recipe.MicroBatch;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.pipelines.average.OuterOptimizer;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan.Length;
import dev.beit2.pipelines.train.TrainingPlan.Schedule;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingProgressTest {
  @TempDir Path dir;

  private String told(int workers, long steps, RunPosition from, int step, String state)
      throws IOException {
    TrainingPlan plan =
        new TrainingPlan(
            "2/4 pretrain",
            dir.toString(),
            new RunConfig(new TreeMap<>()),
            10_000,
            workers,
            32,
            new MicroBatch(32, 32),
            1,
            DeviceChoice.CPU,
            50,
            10,
            new OuterOptimizer(1, 0),
            new Schedule(new Length(steps, null), new Length(0L, null), 0.1, 1e-5),
            false);
    PrintStream stderr = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, UTF_8));
    try (TrainingProgress progress = TrainingProgress.begin(new Planned(plan), from)) {
      StoredFile.in(dir + "/checkpoints/step-%06d".formatted(step), "state.json").write(state);
    } finally {
      System.setErr(stderr);
    }
    return said.toString(UTF_8).lines().findFirst().orElseThrow();
  }

  /** Nothing of a spec but its plan is needed. */
  private record Planned(TrainingPlan plan) implements TrainingSpec {
    @Override
    public TrainingTask<?, ?> open(RunPosition from) {
      throw new UnsupportedOperationException();
    }
  }

  @Test
  void eachRoundIsALine() throws IOException {
    assertEquals(
        "[2/4 pretrain] round 2/14: step 100/700  loss 6.013  80 images/s by 2 workers"
            + "  8 min 00 s left",
        told(
            2,
            700,
            new RunPosition(50, 3200),
            100,
            """
            {"step": 100, "checkpoint": 2, "images": 6400, "workers": 2, "steps": 700,
             "round": {"seconds": 40.0, "images": 3200, "loss": 6.0125}}
            """));
  }

  @Test
  void noTimeRemainsAfterTheLastRound() throws IOException {
    assertEquals(
        "[2/4 pretrain] round 3/3: step 120/120  loss 0.5000  1280 images/s by 1 worker",
        told(
            1,
            120,
            RunPosition.START,
            120,
            """
            {"step": 120, "checkpoint": 3, "images": 3840, "workers": 1, "steps": 120,
             "round": {"seconds": 0.5, "images": 640, "loss": 0.5}}
            """));
  }
}
