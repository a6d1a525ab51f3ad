package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.pipelines.MemoryFileSystem;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A run's folder where there is no local disk. */
class ObjectStoreTest {
  private static final String RUN = "memory://bucket/run";

  @BeforeAll
  static void registerFileSystems() {
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
  }

  @BeforeEach
  @AfterEach
  void forget() {
    MemoryFileSystem.FILES.clear();
    MemoryFileSystem.LOG.clear();
  }

  private static RunDirectory open(String batchSize) throws IOException {
    RunConfig config = new RunConfig(new TreeMap<>(Map.of("batchSize", batchSize)));
    return RunDirectory.open(RUN + "/", config);
  }

  private static void checkpoint(long step) throws IOException {
    open("32")
        .writeCheckpoint(
            new CheckpointState(step, null, 32 * step, 1, 100L, null, null, List.of()),
            Map.of("model.safetensors", c -> c.write(UTF_8.encode("weights"))));
  }

  private static List<String> names() {
    return List.copyOf(MemoryFileSystem.FILES.keySet());
  }

  @Test
  void aRunIsReopened() throws IOException {
    open("32");
    assertThrows(InvalidOptionException.class, () -> open("64"));

    checkpoint(10);

    Checkpoint last = RunDirectory.locate("--backbone", RUN);
    assertEquals(RUN + "/checkpoints/step-000010", last.directory());
    assertEquals(last, open("32").lastCheckpoint().orElseThrow());
    assertEquals(last, RunDirectory.locate("--backbone", last.directory()));
  }

  @Test
  void theStateOfACheckpointIsWrittenLastAndDeletedFirst() throws IOException {
    for (long step : new long[] {10, 20, 30}) {
      checkpoint(step);
    }

    assertEquals(
        List.of(
            RUN + "/checkpoints/step-000020/model.safetensors",
            RUN + "/checkpoints/step-000020/state.json",
            RUN + "/checkpoints/step-000030/model.safetensors",
            RUN + "/checkpoints/step-000030/state.json",
            RUN + "/config.json"),
        names());
    List<String> ofTen =
        MemoryFileSystem.LOG.stream()
            .filter(entry -> entry.contains("step-000010") && !entry.contains(".tmp"))
            .map(entry -> entry.replace(RUN + "/checkpoints/step-000010/", ""))
            .toList();
    assertEquals(
        List.of(
            "rename model.safetensors",
            "rename state.json",
            "delete state.json",
            "delete model.safetensors"),
        ofTen);
  }

  @Test
  void metricsAreVisibleOnceTheirRoundIsLogged() throws IOException {
    Instant job = Instant.ofEpochSecond(1_767_225_600);
    MetricsLog.append(RUN, 0, job, List.of(Map.of("step", 1.0, "loss", 3.0)));
    MetricsLog.append(RUN, 1, job, List.of(Map.of("step", 2.0, "loss", 9.0)));
    MetricsLog.append(RUN, 1, job, List.of(Map.of("step", 2.0, "loss", 2.0)));

    Map<String, Double> last = Map.of("step", 2.0, "loss", 2.0);
    assertEquals(List.of(Map.of("step", 1.0, "loss", 3.0), last), MetricsLog.read(RUN));
    assertEquals(List.of(last), MetricsLog.readLast(RUN, 1, 10));
    assertEquals(
        List.of(RUN + "/events.out.tfevents.1767225600.beit2", RUN + "/metrics.jsonl"), names());
  }
}
