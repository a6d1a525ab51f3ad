package dev.beit2.pipelines.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.beit2.io.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Distribution;
import org.apache.beam.sdk.metrics.Gauge;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class JobMetricsTest {
  @TempDir Path dir;

  private static final class Counts extends DoFn<Integer, Integer> {
    private static final long serialVersionUID = 1L;

    private final Counter images = Metrics.counter(TrainingRound.class, "images");
    private final Distribution loss = Metrics.distribution(TrainingRound.class, "loss");
    private final Gauge speed = Metrics.gauge(TrainingRound.class, "speed");

    @ProcessElement
    public void processElement(@Element Integer number, OutputReceiver<Integer> out) {
      images.inc(number);
      loss.update(number);
      speed.set(number);
      out.output(number);
    }
  }

  /** Each number is counted twice, by two transforms. */
  private static PipelineResult job(Integer... numbers) {
    PipelineOptions options = PipelineOptionsFactory.create();
    options.setRunner(DirectRunner.class);
    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Numbers", Create.of(List.of(numbers)))
        .apply("Once", ParDo.of(new Counts()))
        .apply("Again", ParDo.of(new Counts()));
    PipelineResult result = pipeline.run();
    result.waitUntilFinish();
    return result;
  }

  @Test
  void theFileSumsTheMetricsOfAllJobs() throws IOException {
    Path file = dir.resolve("metrics.json");
    JobMetrics metrics = new JobMetrics(file.toString());
    metrics.add(job(3, 4));
    assertEquals(Map.of("images", 14), Json.object(Files.readString(file)).get("counters"));

    metrics.add(job(5));

    Map<String, Object> content = Json.object(Files.readString(file));
    assertEquals(List.of("counters", "distributions", "gauges"), List.copyOf(content.keySet()));
    assertEquals(Map.of("images", 24), content.get("counters"));
    assertEquals(
        "{\"loss\":{\"count\":6,\"min\":3,\"max\":5,\"mean\":4.0}}",
        Json.line(content.get("distributions")));
    assertEquals(Map.of("speed", 5), content.get("gauges"));
  }

  @Test
  void withoutAFileNothingIsWritten() throws IOException {
    new JobMetrics(null).add(job(1));
    assertFalse(Files.list(dir).findAny().isPresent());
  }
}
