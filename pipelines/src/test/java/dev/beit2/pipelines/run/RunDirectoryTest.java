package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.store.ChannelWriter;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunDirectoryTest {
  @TempDir Path folder;

  private static RunConfig config(String... namesAndValues) {
    SortedMap<String, String> config = new TreeMap<>();
    for (int i = 0; i < namesAndValues.length; i += 2) {
      config.put(namesAndValues[i], namesAndValues[i + 1]);
    }
    return new RunConfig(config);
  }

  private RunDirectory open(RunConfig config) throws IOException {
    return RunDirectory.open(folder.toString(), config);
  }

  private static CheckpointState state(long step) {
    return new CheckpointState(step, null, 32 * step, 2, 1000L, null, null, List.of());
  }

  private static ChannelWriter bytes(String text) {
    return channel -> channel.write(UTF_8.encode(text));
  }

  private static String read(Checkpoint checkpoint, String file) throws IOException {
    try (InputStream in = Channels.newInputStream(checkpoint.open(file))) {
      return new String(in.readAllBytes(), UTF_8);
    }
  }

  private Path step(long step) {
    return folder.resolve("checkpoints/step-%06d".formatted(step));
  }

  private List<String> steps() throws IOException {
    try (Stream<Path> steps = Files.list(folder.resolve("checkpoints"))) {
      return steps.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aSecondStartWithTheSameValuesContinues() throws IOException {
    Files.writeString(folder.resolve("notes.txt"), "mine");
    RunConfig config = config("command", "pretrain", "batchSize", "32");

    open(config);
    String written = Files.readString(folder.resolve("config.json"));
    RunDirectory again = RunDirectory.open(folder + "/", config);

    assertEquals(folder.toString(), again.path());
    assertEquals(written, Files.readString(folder.resolve("config.json")));
    assertEquals(
        "{\n  \"batchSize\" : \"32\",\n  \"command\" : \"pretrain\"\n}\n",
        written,
        "sorted, to be compared by eye");
    assertEquals("mine", Files.readString(folder.resolve("notes.txt")));
  }

  @Test
  void anotherValueIsRefusedNamingBothValues() throws IOException {
    open(config("batchSize", "32", "seed", "1"));

    InvalidOptionException refused =
        assertThrows(
            InvalidOptionException.class, () -> open(config("batchSize", "64", "seed", "1")));

    assertEquals(
        "--batchSize=64: found a run started with --batchSize=32 in --output="
            + folder
            + "; wanted the same value, or another --output",
        refused.getMessage());
    assertEquals("--batchSize=64", refused.option());
  }

  @Test
  void allDifferencesAreNamed() throws IOException {
    open(config("batchSize", "32", "seed", "1", "views", "8"));

    InvalidOptionException refused =
        assertThrows(
            InvalidOptionException.class,
            () -> open(config("batchSize", "64", "seed", "1", "preset", "base")));

    assertEquals("--batchSize=64 --preset=base no --views", refused.option());
    assertTrue(refused.found().contains("--batchSize=32 no --preset --views=8"), refused.found());
    assertFalse(refused.getMessage().contains("seed"), refused.getMessage());
  }

  @Test
  void aRunOfAnotherCommandIsRefused() throws IOException {
    open(config("command", "train-tokenizer", "codebookSize", "256"));

    InvalidOptionException refused =
        assertThrows(
            InvalidOptionException.class,
            () -> open(config("command", "pretrain", "maskedPatches", "14")));

    assertEquals(
        "--output="
            + folder
            + ": found a run of train-tokenizer; wanted a run of pretrain, or a folder without one",
        refused.getMessage());
  }

  @Test
  void aDamagedConfigAndAWildcardAreRefusedInOneLine() throws IOException {
    Files.writeString(folder.resolve("config.json"), "{\"batchSize\":");
    InvalidOptionException damaged =
        assertThrows(InvalidOptionException.class, () -> open(config("batchSize", "32")));
    assertTrue(damaged.getMessage().contains("config.json"), damaged.getMessage());

    InvalidOptionException wildcard =
        assertThrows(
            InvalidOptionException.class, () -> RunDirectory.open("gs://bucket/run[1]", config()));
    assertTrue(wildcard.getMessage().contains("run[1]"), wildcard.getMessage());
  }

  @Test
  void aLocalFolderMayHaveAnyName() throws IOException {
    String run = folder + "/p [v2]/{a}*";
    RunDirectory.open("file://" + run, config());
    assertTrue(Files.exists(Path.of(run, "config.json")));
    assertTrue(config().isBegun(run));
  }

  @Test
  void aCheckpointIsReadAsItWasWritten() throws IOException {
    RunDirectory run = open(config());
    assertTrue(run.lastCheckpoint().isEmpty());

    run.writeCheckpoint(state(120), Map.of("model.safetensors", bytes("weights")));
    Checkpoint last = run.lastCheckpoint().orElseThrow();

    assertEquals(new Checkpoint(120, step(120).toString()), last);
    assertEquals("weights", read(last, "model.safetensors"));
    assertEquals(state(120).withOrdinal(1), last.state());
    assertThrows(IOException.class, () -> last.open("optimizer-0.safetensors"));
  }

  @Test
  void stateIsWrittenAfterEveryOtherFile() throws IOException {
    RunDirectory run = open(config());
    List<Boolean> existedBefore = new ArrayList<>();
    Map<String, ChannelWriter> files = new LinkedHashMap<>();
    for (String name : List.of("zzz", "model.safetensors")) {
      files.put(
          name,
          channel -> {
            existedBefore.add(run.lastCheckpoint().isPresent());
            channel.write(UTF_8.encode(name));
          });
    }

    run.writeCheckpoint(state(1), files);

    assertEquals(List.of(false, false), existedBefore);
    try (Stream<Path> left = Files.list(step(1))) {
      assertEquals(
          List.of("model.safetensors", "state.json", "zzz"),
          left.map(path -> path.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void anUnfinishedCheckpointDoesNotExistAndIsOverwritten() throws IOException {
    RunDirectory run = open(config());
    run.writeCheckpoint(state(10), Map.of("model", bytes("ten")));
    Map<String, ChannelWriter> files = new LinkedHashMap<>();
    files.put("optimizer-7", bytes("stale"));
    files.put(
        "model",
        channel -> {
          throw new IOException("killed");
        });

    assertThrows(IOException.class, () -> run.writeCheckpoint(state(20), files));
    Files.writeString(step(20).resolve("state.json.tmp-1"), "{}");
    assertEquals(10, run.lastCheckpoint().orElseThrow().step());

    run.writeCheckpoint(state(20), Map.of("model", bytes("twenty")));
    assertEquals("twenty", read(run.lastCheckpoint().orElseThrow(), "model"));
    assertFalse(Files.exists(step(20).resolve("optimizer-7")), "a file of the killed start");
    assertFalse(Files.exists(step(20).resolve("state.json.tmp-1")));
  }

  /** Several workers write their files before the folder is a checkpoint. */
  private void put(long step, String... files) throws IOException {
    Files.createDirectories(step(step));
    for (String file : files) {
      Files.writeString(step(step).resolve(file), file);
    }
  }

  @Test
  void filesOfWorkersBecomeACheckpoint() throws IOException {
    RunDirectory run = open(config());
    put(10, "model", "optimizer-0", "optimizer-1");
    // Left by an earlier attempt with more workers, which was killed.
    put(10, "optimizer-2", ".model.1.tmp", ".optimizer-2.1.tmp", ".state.json.1.tmp");

    run.commit(state(10), Set.of("model", "optimizer-0", "optimizer-1"));

    try (Stream<Path> left = Files.list(step(10))) {
      assertEquals(
          List.of("model", "optimizer-0", "optimizer-1", "state.json"),
          left.map(path -> path.getFileName().toString()).sorted().toList());
    }
    Checkpoint last = run.lastCheckpoint().orElseThrow();
    assertEquals("optimizer-1", read(last, "optimizer-1"));
    assertEquals(state(10).withOrdinal(1), last.state());
  }

  @Test
  void aCheckpointThatLacksAFileIsRefused() throws IOException {
    RunDirectory run = open(config());
    put(10, "model", "optimizer-0");

    FileNotFoundException refused =
        assertThrows(
            FileNotFoundException.class,
            () -> run.commit(state(10), Set.of("model", "optimizer-0", "optimizer-1")));

    assertEquals(step(10) + " lacks optimizer-1", refused.getMessage());
    assertTrue(run.lastCheckpoint().isEmpty());
    assertTrue(Files.exists(step(10).resolve("model")));
  }

  @Test
  void aRepeatedStepReplacesItsCheckpoint() throws IOException {
    RunDirectory run = open(config());
    run.writeCheckpoint(state(10), Map.of("model", bytes("old")));
    run.writeCheckpoint(state(10), Map.of("model", bytes("new")));

    assertEquals("new", read(run.lastCheckpoint().orElseThrow(), "model"));
  }

  @Test
  void theNewestIsByStepNotByName() throws IOException {
    RunDirectory run = open(config());
    run.writeCheckpoint(state(999_999), Map.of());
    run.writeCheckpoint(state(1_000_000), Map.of());

    assertEquals(1_000_000, run.lastCheckpoint().orElseThrow().step());
  }

  @Test
  void theLastTwoAndEveryFourthAreKept() throws IOException {
    for (int i = 1; i <= 8; i++) {
      // Opened anew each time: what is kept does not depend on how often the run was killed.
      RunDirectory.open(folder.toString(), config(), 4)
          .writeCheckpoint(state(100L * i), Map.of("model", bytes("m")));
    }

    assertEquals(List.of("step-000400", "step-000700", "step-000800"), steps());
  }

  @Test
  void incompleteCheckpointsBeforeTheNewestAreRemovedAndLaterOnesAreNot() throws IOException {
    RunDirectory run = open(config());
    for (long step : new long[] {5, 50}) {
      Files.createDirectories(step(step));
      Files.writeString(step(step).resolve("optimizer-1.safetensors"), "part");
    }

    run.writeCheckpoint(state(10), Map.of("model", bytes("m")));

    assertEquals(List.of("step-000010", "step-000050"), steps());
  }

  @Test
  void aUsersFilesInACheckpointDoNotStopTheRun() throws IOException {
    RunDirectory run = open(config());
    run.writeCheckpoint(state(10), Map.of("model", bytes("m")));
    Path kept = Files.createDirectory(step(10).resolve("mine")).resolve("notes.txt");
    Files.writeString(kept, "good one");

    for (long step : new long[] {20, 30, 40}) {
      run.writeCheckpoint(state(step), Map.of("model", bytes("m")));
    }

    assertTrue(Files.exists(kept));
    assertFalse(Files.exists(step(10).resolve("state.json")));
  }

  @Test
  void aCheckpointIsLocatedByItsRunOrByItself() throws IOException {
    RunDirectory run = open(config());
    run.writeCheckpoint(state(10), Map.of());
    run.writeCheckpoint(state(20), Map.of());

    assertEquals(20, RunDirectory.locate("--backbone", folder.toString()).step());
    Checkpoint itself = RunDirectory.locate("--backbone", step(10) + "/");
    assertEquals(10, itself.step());
    assertEquals(10, itself.state().step());
  }

  @Test
  void aMissingCheckpointIsReportedWithItsOption() throws IOException {
    InvalidOptionException empty =
        assertThrows(
            InvalidOptionException.class,
            () -> RunDirectory.locate("--backbone", folder.toString()));
    assertEquals(
        "--backbone="
            + folder
            + ": found no complete checkpoint; wanted the folder of a run, one of its"
            + " checkpoints/step-…, or a file (.safetensors, .pth)",
        empty.getMessage());

    open(config());
    InvalidOptionException young =
        assertThrows(
            InvalidOptionException.class,
            () -> RunDirectory.locate("--tokenizer", folder.toString()));
    assertTrue(young.found().contains("not written a checkpoint yet"), young.found());

    Files.createDirectories(step(5));
    InvalidOptionException part =
        assertThrows(
            InvalidOptionException.class,
            () -> RunDirectory.locate("--tokenizer", step(5).toString()));
    assertTrue(part.found().contains("no state.json"), part.found());
  }
}
