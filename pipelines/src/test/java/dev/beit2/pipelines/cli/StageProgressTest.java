package dev.beit2.pipelines.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.GenerateSequence;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.util.SerializableUtils;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class StageProgressTest {
  private final PrintStream stderr = System.err;
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  @BeforeEach
  void captureStderr() throws Exception {
    System.setErr(new PrintStream(written, true, UTF_8));
  }

  @AfterEach
  void restore() throws Exception {
    System.setErr(stderr);
    System.clearProperty("beit2.terminal");
  }

  private static PipelineOptions flink(String master) {
    FlinkPipelineOptions options = PipelineOptionsFactory.as(FlinkPipelineOptions.class);
    options.setRunner(FlinkRunner.class);
    options.setFlinkMaster(master);
    options.setParallelism(2);
    return options;
  }

  private static final class CountFn extends DoFn<Long, Void> {
    private static final long serialVersionUID = 1L;

    private final StageProgress progress;
    private final boolean fails;

    CountFn(StageProgress progress, boolean fails) {
      this.progress = progress;
      this.fails = fails;
    }

    @Setup
    public void setUp() throws Exception {
      progress.open();
    }

    @ProcessElement
    public void processElement() throws Exception {
      if (fails) {
        throw new IllegalStateException("broken");
      }
      progress.count(1);
    }

    @Teardown
    public void tearDown() throws Exception {
      progress.close();
    }
  }

  private static void run(boolean fails) throws Exception {
    PipelineOptions options = flink("[local]");
    StageProgress progress = StageProgress.of("crop", 7, options);
    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Numbers", GenerateSequence.from(0).to(7))
        .apply("Count", ParDo.of(new CountFn(progress, fails)));
    progress.run(pipeline);
  }

  @Test
  void theLastLineHasTheCountsOfAllWorkers() throws Exception {
    run(false);
    String shown = written.toString(UTF_8);
    assertTrue(shown.matches("(?s).*\\[crop] 7/7  done in \\d+ s\n"), shown);
  }

  @Test
  void aFailedPipelineIsNotDone() throws Exception {
    assertThrows(RuntimeException.class, () -> run(true));
    String shown = written.toString(UTF_8);
    assertTrue(!shown.contains("done in"), shown);
  }

  @Test
  void instancesOfAJvmCountTogetherUntilTheLastIsClosed() throws Exception {
    System.setProperty("beit2.terminal", "true"); // shown at once, and after 100 ms again
    StageProgress one = StageProgress.of("crop", 4, flink("[local]"));
    StageProgress two = SerializableUtils.clone(one);
    one.open();
    two.open();
    one.count(1);
    one.close();
    one.close();
    Thread.sleep(150);
    two.count(1);
    two.close();
    String shown = written.toString(UTF_8).replaceAll("  [^\u001b]*", "");
    assertEquals("\r[crop] started in 0 s\u001b[K\n\r[crop] 2/4\u001b[K", shown);

    written.reset();
    one.open();
    one.count(1);
    one.close();
    assertTrue(written.toString(UTF_8).startsWith("\r[crop] started in"), written.toString(UTF_8));
  }

  @Test
  void workersOfAClusterReportNothing() throws Exception {
    System.setProperty("beit2.terminal", "true");
    StageProgress progress = StageProgress.of("crop", 4, flink("localhost:8081"));
    progress.open();
    progress.count(1);
    progress.close();
    assertEquals("", written.toString(UTF_8));
  }
}
