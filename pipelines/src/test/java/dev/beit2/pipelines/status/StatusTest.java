package dev.beit2.pipelines.status;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.MemoryFileSystem;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StatusTest {
  private static final Instant WRITTEN = Instant.parse("2026-01-01T10:00:00Z");
  private static final String STATE =
      """
      {"step": 100, "checkpoint": 2, "images": 6400, "workers": 2, "steps": 700,
       "round": {"seconds": 40.0, "images": 3200, "waitShare": 0.0125, "loss": 6.0},
       "time": "2026-01-01T10:00:00Z",
       "rejected": [{"key": "a.jpg", "reason": "truncated"}]}
      """;

  @TempDir Path folder;

  @BeforeAll
  static void registerFileSystems() {
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
  }

  @AfterEach
  void forget() {
    MemoryFileSystem.FILES.clear();
  }

  private static String status(String run, long secondsLater) throws IOException {
    Status.Options options = PipelineOptionsFactory.as(Status.Options.class);
    options.setRun(run);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    Clock clock = Clock.fixed(WRITTEN.plusSeconds(secondsLater), ZoneOffset.UTC);
    assertEquals(CommandLine.OK, Status.run(options, new PrintStream(out, true, UTF_8), clock));
    return out.toString(UTF_8).replace("\r\n", "\n");
  }

  private static void begin(String run) throws IOException {
    StoredFile.in(run, "config.json")
        .write(
            """
            {"batchSize": "32", "command": "pretrain", "preset": "tiny", "steps": "700"}
            """);
  }

  private static void checkpoint(String run, int step, String state) throws IOException {
    StoredFile.in(run + "/checkpoints/step-%06d".formatted(step), "state.json").write(state);
  }

  /** Rounds of 50 steps: two, and a few steps of a third one. */
  private static void makeUp(String run) throws IOException {
    begin(run);
    checkpoint(run, 50, "{\"step\": 50}");
    checkpoint(run, 100, STATE);
    StringBuilder lines = new StringBuilder();
    for (int step = 1; step <= 120; step++) {
      int round = (step - 1) / 50;
      lines.append(
          Json.line(
              Map.of(
                  "step",
                  step,
                  "loss",
                  7.5 - round + (step % 2 == 0 ? 0.25 : -0.25),
                  "masked_accuracy",
                  0.125 * round,
                  "codes_in_use",
                  200 + round,
                  "learning_rate",
                  0.001,
                  "images_per_second",
                  64,
                  "seconds",
                  0.5)));
      lines.append('\n');
    }
    StoredFile.in(run, "metrics.jsonl").write(lines + "{\"half");
  }

  @Test
  void showsTheProgressOfARun() throws IOException {
    for (String run : List.of(folder + "/run", "memory://bucket/run")) {
      makeUp(run);

      assertEquals(
          """
          run              RUN
          command          pretrain, preset tiny
          state            under way
          step             100 of 700, 14.3 %
          images           6400
          workers          2
          speed            80 images/s, waiting for images 1.3 % of the time
          left             8 min 00 s
          codes_in_use     201
          loss             6.500
          masked_accuracy  0.125
          checkpoint       2: RUN/checkpoints/step-000100, 2026-01-01 10:00:00 UTC, 41 s ago
          rejected         1, see RUN/checkpoints/step-000100/state.json
          """
              .replace("RUN", run),
          status(run + "/", 41));
    }
  }

  private String state(long secondsLater) throws IOException {
    return status(folder.toString(), secondsLater)
        .lines()
        .filter(line -> line.startsWith("state"))
        .findFirst()
        .orElseThrow()
        .replaceFirst("state +", "");
  }

  @Test
  void showsWhetherTheRunSeemsToBeAlive() throws IOException {
    String run = folder.toString();
    begin(run);
    assertEquals("begun, without a checkpoint so far", state(0));
    makeUp(run);
    assertEquals("under way", state(120));
    assertEquals("nothing new for 2 min 01 s, and a round takes 40 s: not running?", state(121));
    StoredFile.in(run, "stopped.json").write("{\"reason\": \"the loss is NaN at step 117\"}");
    assertEquals("stopped: the loss is NaN at step 117", state(121));
    checkpoint(run, 700, STATE.replace("100", "700"));
    assertEquals("complete", state(121));
  }

  /** Twice as many workers need half the steps. */
  @Test
  void aRunOfEpochsIsMeasuredByItsImages() throws IOException {
    String run = folder.toString();
    makeUp(run);
    StoredFile.in(run, "config.json")
        .write(
            """
            {"batchSize": "32", "command": "pretrain", "preset": "tiny", "epochs": "3"}
            """);
    checkpoint(run, 100, STATE.replace("6400", "9600"));
    assertTrue(status(run, 0).contains("150 of 700, 21.4 %"));
  }

  @Test
  void valuesThatAnOlderRunLacksHaveNoLine() throws IOException {
    String run = folder.toString();
    makeUp(run);
    checkpoint(run, 100, "{\"step\": 100, \"checkpoint\": 2, \"rejected\": []}");

    assertEquals(
        """
        run              RUN
        command          pretrain, preset tiny
        state            under way
        step             100 of 700, 14.3 %
        speed            64 images/s
        left             5 min 00 s
        codes_in_use     201
        loss             6.500
        masked_accuracy  0.125
        checkpoint       2: RUN/checkpoints/step-000100
        rejected         none
        """
            .replace("RUN", run),
        status(run, 1_000_000));
  }

  @Test
  void showsWhetherAnotherCommandsOutputIsComplete() throws IOException {
    String run = folder.toString();
    StoredFile.in(run, "config.json").write("{\"command\": \"linear-probe\"}");
    assertEquals("not complete; the same command continues", state(0));
    try (Hold held = Hold.take(run)) {
      assertEquals("under way, or killed; the same command continues", state(0));
    }
    StoredFile.in(run, "rejected/rejected-00000-of-00001.jsonl").write("{}\n{}\n");
    StoredFile.in(run, "probe.json").write("{}");
    assertEquals(
        """
        folder    RUN
        command   linear-probe
        state     complete
        rejected  2, see RUN/rejected/rejected-00000-of-00001.jsonl
        """
            .replace("RUN", run),
        status(run, 0));
  }

  @Test
  void showsAnEvaluation() throws IOException {
    StoredFile.in(folder.toString(), "evaluation.json").write("{}");
    assertEquals("complete", state(0));
  }

  @Test
  void aFolderWithoutARunIsRefused() throws IOException {
    String run = folder.toString();
    assertRefused(run, "no config.json in it");
    StoredFile.in(run, "config.json").write("{\"command\": \"generate\"}");
    assertRefused(run, "the folder of generate");
    StoredFile.in(run, "config.json").write("[]");
    assertRefused(run, "a config.json that is no JSON object");
  }

  private static void assertRefused(String run, String found) {
    InvalidOptionException error = assertThrows(InvalidOptionException.class, () -> status(run, 0));
    assertEquals("--run=" + run, error.option());
    assertEquals(found, error.found());
  }
}
