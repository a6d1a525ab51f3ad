package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.CheckpointState.RoundStatistics;
import dev.beit2.pipelines.run.MetricsLog;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * All workers' reports of a round, taken together. The order in which they arrived does not matter.
 *
 * @param reports one per worker, sorted by worker
 * @param end when the round ended
 */
record RoundSummary(Round round, List<WorkerReport> reports, Instant end) {
  RoundSummary {
    reports = reports.stream().sorted(Comparator.comparingInt(WorkerReport::worker)).toList();
  }

  /**
   * The state of the checkpoint that the round ends with.
   *
   * @param steps of the whole run
   */
  CheckpointState state(long steps) {
    Map<String, RejectedImage> rejected = new TreeMap<>();
    reports.forEach(report -> report.rejected().forEach(image -> rejected.put(image.key(), image)));
    return new CheckpointState(
        round.end().step(),
        null,
        round.end().images(),
        round.workers(),
        steps,
        statistics(),
        end.toString(),
        List.copyOf(rejected.values()));
  }

  private RoundStatistics statistics() {
    return new RoundStatistics(
        seconds(),
        trainSeconds(),
        round.images(),
        waitFraction(),
        reports.stream().mapToLong(WorkerReport::bytes).sum(),
        meanOfWorkers().stream().mapToDouble(step -> step.get("loss")).average().orElseThrow());
  }

  /**
   * The metrics of each step. The last step also has the fractions of the round's time that were
   * not spent on training.
   */
  List<Map<String, Double>> metrics() {
    List<Map<String, Double>> steps = meanOfWorkers();
    Map<String, Double> last = steps.get(steps.size() - 1);
    last.put("wait_share", waitFraction());
    last.put("averaging_share", 1 - trainSeconds() / seconds());
    return steps;
  }

  /** The mean over the workers of each step's metrics; their rates add up. */
  private List<Map<String, Double>> meanOfWorkers() {
    List<Map<String, Double>> steps = new ArrayList<>();
    for (int i = 0; i < reports.get(0).steps().size(); i++) {
      Map<String, Double> metrics = new TreeMap<>();
      for (WorkerReport report : reports) {
        report.steps().get(i).forEach((name, value) -> metrics.merge(name, value, Double::sum));
      }
      metrics.replaceAll(
          (name, sum) -> name.equals("images_per_second") ? sum : sum / reports.size());
      metrics.put(MetricsLog.STEP, (double) (round.from().step() + i + 1));
      steps.add(metrics);
    }
    return steps;
  }

  private double seconds() {
    long started = reports.stream().mapToLong(WorkerReport::started).min().orElseThrow();
    return (end.toEpochMilli() - started) / 1e3;
  }

  /** Of the slowest worker. */
  private double trainSeconds() {
    return reports.stream().mapToDouble(WorkerReport::seconds).max().orElseThrow();
  }

  /** The fraction of the steps' time in which workers waited for images. */
  private double waitFraction() {
    return reports.stream().mapToDouble(WorkerReport::waitSeconds).sum()
        / reports.stream().mapToDouble(WorkerReport::seconds).sum();
  }
}
