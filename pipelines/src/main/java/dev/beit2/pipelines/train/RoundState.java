package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What {@code state.json} says of the round that ended in a checkpoint. */
public final class RoundState {
  private static final String WORKERS = "workers";
  private static final String REJECTED = "rejected";

  private RoundState() {}

  /**
   * The state at the end of a round.
   *
   * @param reports one of each worker
   * @param steps of the whole run
   * @param now when it ended
   */
  static Map<String, Object> of(Round round, List<WorkerReport> reports, long steps, Instant now) {
    Map<String, Object> state = new LinkedHashMap<>();
    round.end().into(state);
    state.put(WORKERS, round.workers());
    state.put("steps", steps);
    state.put("round", measured(round, reports, now));
    state.put("time", now.toString());
    Map<String, RejectedImage> rejected = new TreeMap<>();
    reports.forEach(report -> report.rejected().forEach(r -> rejected.put(r.key(), r)));
    state.put(REJECTED, List.copyOf(rejected.values()));
    return state;
  }

  /** The state before the first step, which no worker has had a part in. */
  static Map<String, Object> ofBeginning(TrainingPlan plan) {
    Map<String, Object> state = new LinkedHashMap<>();
    RunPosition.START.into(state);
    state.put(WORKERS, 0);
    state.put("steps", plan.steps());
    return state;
  }

  private static Map<String, Object> measured(
      Round round, List<WorkerReport> reports, Instant now) {
    Map<String, Object> measured = new LinkedHashMap<>();
    measured.put("seconds", seconds(reports, now));
    measured.put("trainSeconds", trainSeconds(reports));
    measured.put("images", round.images());
    measured.put("waitShare", waitShare(reports));
    measured.put("averagedBytes", reports.stream().mapToLong(WorkerReport::bytes).sum());
    measured.put(
        "loss",
        steps(round, reports).stream()
            .mapToDouble(step -> step.get("loss"))
            .average()
            .orElseThrow());
    return measured;
  }

  /**
   * What a round's time went into beside training, as metrics of its last step.
   *
   * @param now when it ended
   */
  static Map<String, Double> shares(List<WorkerReport> reports, Instant now) {
    return Map.of(
        "wait_share",
        waitShare(reports),
        "averaging_share",
        1 - trainSeconds(reports) / seconds(reports, now));
  }

  private static double seconds(List<WorkerReport> reports, Instant now) {
    long started = reports.stream().mapToLong(WorkerReport::started).min().orElseThrow();
    return (now.toEpochMilli() - started) / 1e3;
  }

  /** Of the worker that took longest. */
  private static double trainSeconds(List<WorkerReport> reports) {
    return reports.stream().mapToDouble(WorkerReport::seconds).max().orElseThrow();
  }

  private static double waitShare(List<WorkerReport> reports) {
    return reports.stream().mapToDouble(WorkerReport::waitSeconds).sum()
        / reports.stream().mapToDouble(WorkerReport::seconds).sum();
  }

  /**
   * The metrics of each step of a round: the means of the workers', and together how many images a
   * second.
   */
  static List<Map<String, Double>> steps(Round round, List<WorkerReport> reports) {
    List<WorkerReport> inOrder =
        reports.stream().sorted(Comparator.comparingInt(WorkerReport::worker)).toList();
    List<Map<String, Double>> steps = new ArrayList<>();
    for (int i = 0; i < inOrder.get(0).steps().size(); i++) {
      Map<String, Double> sums = new TreeMap<>();
      for (WorkerReport report : inOrder) {
        report.steps().get(i).forEach((name, value) -> sums.merge(name, value, Double::sum));
      }
      sums.replaceAll((name, sum) -> name.equals("images_per_second") ? sum : sum / inOrder.size());
      sums.put(MetricsLog.STEP, (double) (round.from().step() + i + 1));
      steps.add(sums);
    }
    return steps;
  }

  /** Workers of the round that ended in a checkpoint; 0 if none has taken a step yet. */
  static int workers(Checkpoint checkpoint) throws IOException {
    Object workers = checkpoint.state().get(WORKERS);
    return workers instanceof Number number ? number.intValue() : 1;
  }

  /** Images, and shards of them, that the run found not to be usable so far, by key. */
  public static List<RejectedImage> rejected(Checkpoint checkpoint) throws IOException {
    List<RejectedImage> images = new ArrayList<>();
    if (checkpoint.state().get(REJECTED) instanceof List<?> list) {
      for (Object entry : list) {
        Map<?, ?> image = (Map<?, ?>) entry;
        images.add(new RejectedImage((String) image.get("key"), (String) image.get("reason")));
      }
    }
    return images;
  }
}
