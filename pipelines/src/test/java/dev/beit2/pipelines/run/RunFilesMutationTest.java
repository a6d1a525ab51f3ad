package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.run.CheckpointState.RoundStatistics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Thousands of changes to the files of a sound run: each is refused in one line, or the run stands
 * where it stood. Broken lines of metrics stop nothing.
 */
class RunFilesMutationTest {
  private static final int BATCH = 2;
  private static final int WORKERS = 2;
  private static final RunConfig CONFIG =
      new RunConfig(
          new TreeMap<>(
              Map.of("command", "pretrain", "batchSize", "2", "seed", "0", "steps", "9")));

  private static final List<String> VALUES =
      List.of(
          "0",
          "-1",
          "1",
          "2",
          "3",
          "7",
          "34",
          "0.5",
          "1e400",
          "null",
          "true",
          "\"\"",
          "\"2\"",
          "[]",
          "{}",
          "\"\\u001b[2J\\u0007\"",
          "2147483648",
          "99999999999999999999",
          "NaN",
          "[".repeat(2000));

  private static final List<Pattern> PLACES =
      List.of(
          Pattern.compile("(?<=:)\\s?(\"[^\"]*\"|-?[\\d.]+)"), // a value
          Pattern.compile("\"\\w+\"(?=\\s?:)"), // a name
          Pattern.compile("\"\\w+\"\\s?:\\s?(\"[^\"]*\"|[\\d.]+),"), // a name and its value
          Pattern.compile("\\{[^{}]*\\}"), // an object
          Pattern.compile("(?s).")); // a character

  @TempDir Path folder;

  private String run() {
    return folder.toString();
  }

  private Path state(long step) {
    return folder.resolve("checkpoints/step-%06d/state.json".formatted(step));
  }

  @BeforeEach
  void begin() throws IOException {
    RunDirectory run = RunDirectory.open(run(), CONFIG);
    for (long step : List.of(4L, 8L)) {
      run.writeCheckpoint(
          new CheckpointState(
              step,
              null,
              step * BATCH * WORKERS,
              WORKERS,
              9L,
              new RoundStatistics(8.5, 6.0, 4 * BATCH * WORKERS, 0.1, 200L, 5.5),
              "2026-01-01T00:00:10Z",
              List.of(new RejectedImage("a.jpg", "no bytes"))),
          Map.of(
              Checkpoint.MODEL,
              out -> out.write(UTF_8.encode("weights")),
              Checkpoint.optimizer(0),
              out -> out.write(UTF_8.encode("moments")),
              Checkpoint.optimizer(1),
              out -> out.write(UTF_8.encode("moments"))));
      MetricsLog.append(
          run(),
          step - 4,
          Instant.EPOCH,
          List.of(
              Map.of("step", step - 3.0, "loss", 2.5), Map.of("step", step - 2.0, "loss", 2.25)));
    }
    assertEquals(new RunPosition(8, 32), run.position(BATCH));
  }

  private static String mutate(String sound, SplittableRandom random) {
    if (random.nextInt(20) == 0) {
      return sound.substring(0, random.nextInt(sound.length()));
    }
    List<MatchResult> places =
        PLACES.get(random.nextInt(PLACES.size())).matcher(sound).results().toList();
    if (places.isEmpty()) {
      return sound + sound;
    }
    MatchResult place = places.get(random.nextInt(places.size()));
    String changed =
        switch (random.nextInt(5)) {
          case 0 -> "";
          case 1 -> place.group() + place.group();
          case 2 -> place.group() + "," + place.group();
          case 3 -> places.get(random.nextInt(places.size())).group();
          default -> VALUES.get(random.nextInt(VALUES.size()));
        };
    return sound.substring(0, place.start()) + changed + sound.substring(place.end());
  }

  private interface Reading {
    void run(String changed) throws IOException;
  }

  /** Returns how many changes were refused. */
  private static int mutateAll(Path file, int count, long seed, Reading reading)
      throws IOException {
    String sound = Files.readString(file);
    SplittableRandom random = new SplittableRandom(seed);
    int refused = 0;
    for (int i = 0; i < count; i++) {
      String changed = mutate(sound, random);
      Files.writeString(file, changed);
      try {
        reading.run(changed);
      } catch (InvalidInputException | InvalidOptionException e) {
        refused++;
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().chars().noneMatch(Character::isISOControl), e.getMessage());
      } catch (IOException | RuntimeException | AssertionError e) {
        throw new AssertionError("change " + i + ": " + changed, e);
      }
    }
    Files.writeString(file, sound);
    return refused;
  }

  @Test
  void states() throws IOException {
    RunDirectory run = RunDirectory.at(run());
    for (long step : List.of(4L, 8L)) {
      int refused =
          mutateAll(
              state(step),
              3000,
              step,
              changed -> {
                assertEquals(new RunPosition(8, 32), run.position(BATCH));
                assertEquals(WORKERS, run.lastCheckpoint().orElseThrow().state().workersOfRound());
              });
      assertTrue(refused > 1500, refused + " were refused");
    }
  }

  @Test
  void configs() throws IOException {
    int refused =
        mutateAll(
            folder.resolve("config.json"),
            3000,
            1,
            changed -> {
              assertTrue(CONFIG.isBegun(run()));
              assertEquals(Optional.of(CONFIG), RunConfig.read("--output", run()));
            });
    assertTrue(refused > 2000, refused + " were refused");
  }

  @Test
  void reasonsOfAStop() throws IOException {
    StoppedRun.write(run(), 3, 1, "the loss is NaN");
    mutateAll(
        folder.resolve("stopped.json"),
        3000,
        1,
        changed -> assertTrue(StoppedRun.reason(run()).isPresent()));
  }

  @Test
  void brokenLinesOfMetricsStopNothing() throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    List<Map<String, Double>> sound = MetricsLog.read(run());
    assertEquals(4, sound.size());
    mutateAll(
        file,
        3000,
        1,
        changed -> {
          long kept = MetricsLog.read(run()).stream().filter(sound::contains).count();
          assertTrue(changed.lines().count() < 4 || kept >= 2, changed);
          MetricsLog.readLast(run(), 4, 10);
        });
    Files.writeString(file, "\u001b[2J\n{\"step\":1}\n{\"step\":\"x\"}\n[]\n{\"loss\":1}\nnull\n");
    MetricsLog.append(run(), 1, Instant.EPOCH, List.of(Map.of("step", 2.0, "loss", 1.5)));
    assertEquals(
        List.of(Map.of("step", 1.0), Map.of("step", 2.0, "loss", 1.5)), MetricsLog.read(run()));
  }

  @Test
  void aPositionThatNoStepsLeadToIsRefused() throws IOException {
    String sound = Files.readString(state(8));
    assertRefused("images was 16 before", sound.replace(": 32", ": 36"));
    assertRefused("images is 7, below 8", sound.replace(": 32", ": 7"));
    assertRefused("images is 33, which 8 steps", sound.replace(": 32", ": 33"));
    assertRefused(
        "a round of 16 images by 1 workers", sound.replace("\"workers\" : 2", "\"workers\" : 1"));
    assertRefused("workers is 0", sound.replace("\"workers\" : 2", "\"workers\" : 0"));
    assertRefused("workers is -3", sound.replace("\"workers\" : 2", "\"workers\" : -3"));
    Path optimizer = state(8).resolveSibling(Checkpoint.optimizer(1));
    Files.delete(optimizer);
    assertRefused("2 workers and the files [optimizer-0.safetensors]", sound);
    assertRefused("step is 4", Files.readString(state(4)));
    assertRefused("Duplicate field 'step'", sound.replace("\"steps\"", "\"step\""));
    assertRefused("time is x", sound.replace("2026-01-01T00:00:10Z", "x"));
  }

  private void assertRefused(String why, String state) throws IOException {
    Files.writeString(state(8), state);
    String message =
        assertThrows(InvalidInputException.class, () -> RunDirectory.at(run()).position(BATCH))
            .getMessage();
    assertTrue(message.contains(why), message);
    assertTrue(message.contains(state(8).toString()), message);
  }

  @Test
  void aFolderOfAnotherNameIsNoCheckpoint() throws IOException {
    Path old = state(4).getParent();
    Files.move(old, old.resolveSibling("step-99999999999999999999"));
    Files.createDirectories(folder.resolve("checkpoints/step-9"));
    Files.writeString(
        folder.resolve("checkpoints/step-9/state.json"), Json.line(Map.of("step", 9)));
    assertEquals(new RunPosition(8, 32), RunDirectory.at(run()).position(BATCH));
  }
}
