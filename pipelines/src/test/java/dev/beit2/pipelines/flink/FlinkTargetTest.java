package dev.beit2.pipelines.flink;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Test;

final class FlinkTargetTest {
  private static final int PROCESSORS = Runtime.getRuntime().availableProcessors();

  private static PipelineOptions flink(String master, int parallelism) {
    FlinkPipelineOptions options = PipelineOptionsFactory.as(FlinkPipelineOptions.class);
    options.setRunner(FlinkRunner.class);
    options.setFlinkMaster(master);
    options.setParallelism(parallelism);
    return options;
  }

  @Test
  void flinkInThisJvmIsEmbedded() {
    FlinkTarget target = FlinkTarget.of(flink("[local]", 2));
    assertTrue(target.flink());
    assertTrue(target.isEmbedded());
    assertFalse(target.isRemote());
  }

  @Test
  void aClusterIsRemote() {
    FlinkTarget target = FlinkTarget.of(flink("host:8081", 2));
    assertTrue(target.flink());
    assertFalse(target.isEmbedded());
    assertTrue(target.isRemote());
    assertEquals("host:8081", target.master());
  }

  @Test
  void anotherRunnerIsNeitherEmbeddedNorRemote() {
    PipelineOptions options = flink("host:8081", 2);
    options.setRunner(DirectRunner.class);
    FlinkTarget target = FlinkTarget.of(options);
    assertFalse(target.flink() || target.isEmbedded() || target.isRemote());
    assertEquals(1, target.threadsPerTask(), "the direct runner has a task per processor");
  }

  @Test
  void aClusterGetsPathsFromTheDisksRoot() {
    String folder = Path.of("").toAbsolutePath().toString();
    FlinkTarget cluster = FlinkTarget.of(flink("host:8081", 2));
    assertEquals(folder + "/runs/a[1]", cluster.path("runs/a[1]"));
    assertEquals("/runs/a", cluster.path("file:///runs/a"));
    assertEquals("gs://bucket/a", cluster.path("gs://bucket/a"));
    assertEquals("runs/a", FlinkTarget.of(flink("[local]", 2)).path("runs/a"));
  }

  @Test
  void tasksShareTheProcessors() {
    assertEquals(PROCESSORS, FlinkTarget.of(flink("[local]", 1)).threadsPerTask());
    assertEquals(1, FlinkTarget.of(flink("[local]", PROCESSORS)).threadsPerTask());
    assertEquals(1, FlinkTarget.of(flink("[local]", 3 * PROCESSORS)).threadsPerTask());
    assertEquals(PROCESSORS, FlinkTarget.of(flink("host:8081", -1)).threadsPerTask());
  }
}
