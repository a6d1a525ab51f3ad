package dev.beit2.pipelines.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.run.CheckpointState.RoundStatistics;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointStateTest {
  private static final CheckpointState STATE =
      new CheckpointState(
          12,
          null,
          96L,
          2,
          700L,
          new RoundStatistics(8.5, 6.0, 16, 0.1, 200L, 5.5),
          "1970-01-01T00:00:10Z",
          List.of(new RejectedImage("a.jpg", "no bytes")));

  @TempDir Path folder;

  @Test
  void theFileFormatIsPinned() throws IOException {
    String json = Json.line(STATE.withOrdinal(3));

    assertEquals(
        """
        {"step":12,"checkpoint":3,"images":96,"workers":2,"steps":700,"round":{"seconds":8.5,\
        "trainSeconds":6.0,"images":16,"waitShare":0.1,"averagedBytes":200,"loss":5.5},\
        "time":"1970-01-01T00:00:10Z","rejected":[{"key":"a.jpg","reason":"no bytes"}]}\
        """,
        json);
    assertEquals(STATE.withOrdinal(3), CheckpointState.parse(json));
  }

  @Test
  void theStateBeforeTheFirstStepHasNoRound() {
    assertEquals(
        "{\"step\":0,\"checkpoint\":1,\"images\":0,\"workers\":0,\"steps\":700}",
        Json.line(CheckpointState.untrained(700).withOrdinal(1)));
  }

  @Test
  void aStateOfTheOldFormatWithoutWorkersIsRead() throws IOException {
    Files.writeString(
        folder.resolve("state.json"), "{\"step\": 50, \"checkpoint\": 1, \"rejected\": []}");
    Checkpoint old = new Checkpoint(50, folder.toString());

    CheckpointState state = old.state();

    assertEquals(1, state.workersOfRound());
    assertEquals(1, state.ordinal());
    assertEquals(List.of(), state.rejectedSoFar());
    assertNull(state.round());
    assertEquals(new RunPosition(50, 1600), RunPosition.of(Optional.of(old), 32));
  }

  @Test
  void aPositionIsThatOfTheCheckpointOrTheStart() throws IOException {
    Files.writeString(folder.resolve("state.json"), Json.pretty(STATE));

    assertEquals(
        new RunPosition(12, 96),
        RunPosition.of(Optional.of(new Checkpoint(12, folder.toString())), 32));
    assertEquals(RunPosition.START, RunPosition.of(Optional.empty(), 32));
  }

  @Test
  void anInvalidStateIsRefused() {
    assertThrows(IOException.class, () -> CheckpointState.parse("[]"));
    assertThrows(IOException.class, () -> CheckpointState.parse("null"));
    assertThrows(IOException.class, () -> CheckpointState.parse("{\"step\": \"many\"}"));
  }
}
