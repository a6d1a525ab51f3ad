package dev.beit2.pipelines.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.CheckpointState.RoundStatistics;
import dev.beit2.pipelines.run.RunPosition;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.beam.sdk.testing.CoderProperties;
import org.junit.jupiter.api.Test;

class RoundSummaryTest {
  private static final Round ROUND = new Round(2, new RunPosition(10, 80), 2, 4, false);
  private static final RejectedImage BROKEN = new RejectedImage("b.jpg", "truncated");
  private static final RejectedImage EMPTY = new RejectedImage("a.jpg", "no bytes");

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

  private static RoundSummary summary(WorkerReport... reports) {
    return new RoundSummary(ROUND, List.of(reports), Instant.ofEpochSecond(10));
  }

  @Test
  void theStateDoesNotDependOnTheOrderOfTheReports() {
    CheckpointState expected =
        new CheckpointState(
            12,
            null,
            96L,
            2,
            700L,
            new RoundStatistics(8.5, 6.0, 16, 0.1, 200L, 5.5),
            "1970-01-01T00:00:10Z",
            List.of(EMPTY, BROKEN));
    assertEquals(expected, summary(FIRST, SECOND).state(700));
    assertEquals(expected, summary(SECOND, FIRST).state(700));
  }

  @Test
  void metricsAreTheWorkersMeanButTheirRatesAddUp() {
    List<Map<String, Double>> expected =
        List.of(
            Map.of("step", 11.0, "loss", 6.0, "images_per_second", 16.0),
            Map.of(
                "step",
                12.0,
                "loss",
                5.0,
                "images_per_second",
                16.0,
                "wait_share",
                0.1,
                "averaging_share",
                1 - 6 / 8.5));
    assertEquals(expected, summary(FIRST, SECOND).metrics());
    assertEquals(expected, summary(SECOND, FIRST).metrics());
  }

  @Test
  void aReportIsEncodedAndDecoded() throws Exception {
    CoderProperties.coderDecodeEncodeEqual(WorkerReport.CODER, SECOND);
    CoderProperties.coderSerializable(WorkerReport.CODER);
  }
}
