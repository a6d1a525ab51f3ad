package dev.beit2.pipelines.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.StoppedRun;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import java.io.IOException;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.KV;

/**
 * Ends a round once all of it is there: logs its metrics, makes its files a checkpoint, and lets
 * the next round begin. A round in which a worker stopped short ends the run instead: what is wrong
 * goes into {@code stopped.json}, and no checkpoint is written.
 */
final class CommitRoundFn extends DoFn<KV<String, Iterable<String>>, Long> {
  private static final long serialVersionUID = 1L;

  private final TrainingPlan plan;
  private final Round round;
  private final Instant jobStart;

  private final Counter rejectedImages =
      Metrics.counter(TrainRounds.class, TokenizeDataset.REJECTED_IMAGES);
  private final Counter corruptShards = Metrics.counter(TrainRounds.class, "corrupt_shards");

  CommitRoundFn(TrainingPlan plan, Round round, Instant jobStart) {
    this.plan = plan;
    this.round = round;
    this.jobStart = jobStart;
  }

  /** An element holds the round's {@link WorkerReport}s and the names of its averaged files. */
  @ProcessElement
  public void processElement(
      @Element KV<String, Iterable<String>> parts, OutputReceiver<Long> nextRound)
      throws IOException {
    RunDirectory run = RunDirectory.at(plan.output());
    if (run.checkpoint(round.end()).isEmpty()) {
      Set<String> files = new TreeSet<>();
      List<WorkerReport> reports = new ArrayList<>();
      read(parts.getValue(), files, reports);
      Optional<WorkerReport> stopped =
          reports.stream()
              .filter(report -> report.failure() != null)
              .min(Comparator.comparingInt(WorkerReport::worker));
      if (stopped.isPresent()) {
        StoppedRun.write(plan.output(), round, stopped.get());
        return;
      }
      commit(run, files, reports);
    }
    nextRound.output(System.currentTimeMillis());
  }

  private static void read(Iterable<String> parts, Set<String> files, List<WorkerReport> reports)
      throws JsonProcessingException {
    for (String part : parts) {
      if (part.startsWith("{")) {
        reports.add(WorkerReport.parse(part));
      } else {
        files.add(part);
      }
    }
  }

  private void commit(RunDirectory run, Set<String> files, List<WorkerReport> reports)
      throws IOException {
    for (WorkerReport report : reports) {
      files.add(Checkpoint.optimizer(report.worker()));
    }
    files.add(Checkpoint.MODEL);
    Optional<Checkpoint> before = run.checkpoint(round.from());
    Set<String> known = before.isPresent() ? keys(RoundState.rejected(before.get())) : Set.of();
    Instant now = Instant.now();
    List<Map<String, Double>> steps = RoundState.steps(round, reports);
    steps.get(steps.size() - 1).putAll(RoundState.shares(reports, now));
    MetricsLog.append(plan.output(), round.from().step(), jobStart, steps);
    run.commit(round.end().step(), files, RoundState.of(round, reports, plan.steps(), now));
    count(known, reports);
  }

  /** Counts what no earlier round has found, whichever of the workers have now. */
  private void count(Set<String> known, List<WorkerReport> reports) {
    Set<String> found = new HashSet<>();
    Set<String> shards = new HashSet<>();
    for (WorkerReport report : reports) {
      found.addAll(keys(report.rejected()));
      shards.addAll(report.corruptShards());
    }
    found.removeAll(known);
    shards.retainAll(found);
    corruptShards.inc(shards.size());
    rejectedImages.inc(found.size() - shards.size());
  }

  private static Set<String> keys(List<RejectedImage> images) {
    return images.stream().map(RejectedImage::key).collect(Collectors.toSet());
  }
}
