package dev.beit2.pipelines.train;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.TreeMap;
import javax.annotation.Nullable;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.metrics.DistributionResult;
import org.apache.beam.sdk.metrics.GaugeResult;
import org.apache.beam.sdk.metrics.MetricQueryResults;
import org.apache.beam.sdk.metrics.MetricResult;
import org.apache.beam.sdk.metrics.MetricsFilter;

/**
 * Writes Beam's metrics of all jobs of one start into a file, by name: counters are added up over
 * jobs and transforms, distributions are merged, and the last value of each gauge is kept.
 */
final class JobMetrics {
  @Nullable private final String file;
  private final Map<String, Long> counters = new TreeMap<>();
  private final Map<String, DistributionResult> distributions = new TreeMap<>();
  private final Map<String, GaugeResult> gauges = new TreeMap<>();

  /**
   * @param file rewritten after each job, or null for none
   */
  JobMetrics(@Nullable String file) {
    this.file = file;
  }

  void add(PipelineResult job) throws IOException {
    if (file == null) {
      return;
    }
    MetricQueryResults results = job.metrics().queryMetrics(MetricsFilter.builder().build());
    results.getCounters().forEach(m -> counters.merge(name(m), m.getAttempted(), Long::sum));
    results
        .getDistributions()
        .forEach(m -> distributions.merge(name(m), m.getAttempted(), JobMetrics::join));
    results.getGauges().forEach(m -> gauges.merge(name(m), m.getAttempted(), JobMetrics::later));
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("counters", counters);
    Map<String, Described> described = new TreeMap<>();
    distributions.forEach((name, d) -> described.put(name, Described.of(d)));
    content.put("distributions", described);
    Map<String, Long> last = new LinkedHashMap<>();
    gauges.forEach((name, gauge) -> last.put(name, gauge.getValue()));
    content.put("gauges", last);
    new StoredFile(file).write(Json.pretty(content));
  }

  /** A distribution in the file. */
  private record Described(long count, long min, long max, double mean) {
    static Described of(DistributionResult d) {
      return new Described(d.getCount(), d.getMin(), d.getMax(), d.getMean());
    }
  }

  private static String name(MetricResult<?> metric) {
    return metric.getName().getName();
  }

  private static DistributionResult join(DistributionResult a, DistributionResult b) {
    return DistributionResult.create(
        a.getSum() + b.getSum(),
        a.getCount() + b.getCount(),
        Math.min(a.getMin(), b.getMin()),
        Math.max(a.getMax(), b.getMax()));
  }

  private static GaugeResult later(GaugeResult a, GaugeResult b) {
    return b.getTimestamp().isBefore(a.getTimestamp()) ? a : b;
  }
}
