package dev.beit2.pipelines.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RoundStateTest {
  private static final Round ROUND = new Round(2, new RunPosition(10, 80), 2, 4, false);
  private static final RejectedImage BROKEN = new RejectedImage("b.jpg", "truncated");
  private static final RejectedImage EMPTY = new RejectedImage("a.jpg", "no bytes");

  @TempDir Path folder;

  private static WorkerReport report(
      int worker, long started, double seconds, double loss, List<RejectedImage> rejected) {
    return new WorkerReport(
        worker,
        started,
        seconds,
        0.1 * seconds,
        100,
        List.of(
            Map.of("loss", loss, "images_per_second", 8.0),
            Map.of("loss", loss - 1, "images_per_second", 8.0)),
        rejected,
        Set.of(),
        null);
  }

  private static final WorkerReport FIRST = report(0, 2000, 6, 5, List.of(BROKEN));
  private static final WorkerReport SECOND = report(1, 1500, 4, 7, List.of(BROKEN, EMPTY));

  @Test
  void tellsOfAllWorkersTogetherInWhateverOrderTheyCame() {
    for (List<WorkerReport> reports : List.of(List.of(FIRST, SECOND), List.of(SECOND, FIRST))) {
      assertEquals(
          """
          {"images":96,"workers":2,"steps":700,"round":{"seconds":8.5,"trainSeconds":6.0,\
          "images":16,"waitShare":0.1,"averagedBytes":200,"loss":5.5},\
          "time":"1970-01-01T00:00:10Z","rejected":[{"key":"a.jpg","reason":"no bytes"},\
          {"key":"b.jpg","reason":"truncated"}]}\
          """,
          Json.line(RoundState.of(ROUND, reports, 700, Instant.ofEpochSecond(10))));
    }
  }

  @Test
  void aStepsMetricsAreTheWorkersMeanButTheirSpeedsAddUp() {
    for (List<WorkerReport> reports : List.of(List.of(FIRST, SECOND), List.of(SECOND, FIRST))) {
      assertEquals(
          List.of(
              Map.of("step", 11.0, "loss", 6.0, "images_per_second", 16.0),
              Map.of("step", 12.0, "loss", 5.0, "images_per_second", 16.0)),
          RoundState.steps(ROUND, reports));
    }
  }

  @Test
  void aReportComesBack() throws IOException {
    assertEquals(SECOND, WorkerReport.parse(SECOND.toJson()));
  }

  private Checkpoint checkpoint(String state) throws IOException {
    Files.writeString(folder.resolve("state.json"), state);
    return new Checkpoint(50, folder.toString());
  }

  @Test
  void whatAStateSaysIsReadBack() throws IOException {
    Map<String, Object> state =
        RoundState.of(ROUND, List.of(FIRST, SECOND), 700, Instant.EPOCH.plusSeconds(3));
    Checkpoint checkpoint = checkpoint(Json.pretty(state));
    assertEquals(2, RoundState.workers(checkpoint));
    assertEquals(List.of(EMPTY, BROKEN), RoundState.rejected(checkpoint));
    assertEquals(new RunPosition(50, 96), RunPosition.of(Optional.of(checkpoint), 32));
  }

  @Test
  void aStateOfBeforeThereWereWorkersIsOfOne() throws IOException {
    Checkpoint old = checkpoint("{\"step\": 50, \"checkpoint\": 1, \"rejected\": []}");
    assertEquals(new RunPosition(50, 1600), RunPosition.of(Optional.of(old), 32));
    assertEquals(1, RoundState.workers(old));
    assertEquals(List.of(), RoundState.rejected(old));
    assertEquals(RunPosition.START, RunPosition.of(Optional.empty(), 32));
  }
}
