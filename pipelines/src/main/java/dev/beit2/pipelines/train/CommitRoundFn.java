package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.torch.TorchDevice;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.StoppedRun;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
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
import org.apache.beam.sdk.transforms.join.CoGbkResult;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TupleTag;

/**
 * Ends a round: logs its metrics and turns its files into a checkpoint. If a worker has stopped
 * early, this ends the run instead: it writes the reason into {@code stopped.json} and no
 * checkpoint. Input: all reports and all averaged files of the round. Output: start time of the
 * next round.
 */
final class CommitRoundFn extends DoFn<KV<String, CoGbkResult>, Long> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<WorkerReport> REPORTS = new TupleTag<>("reports") {};

  /** Names of the files that hold the average. */
  static final TupleTag<String> FILES = new TupleTag<>("files") {};

  private final TrainingSpec spec;
  private final TrainingPlan plan;
  private final Round round;
  private final Instant jobStart;

  private final Counter rejectedImages =
      Metrics.counter(TrainingRound.class, RejectedImages.COUNTER);
  private final Counter corruptShards = Metrics.counter(TrainingRound.class, "corrupt_shards");

  CommitRoundFn(TrainingSpec spec, Round round, Instant jobStart) {
    this.spec = spec;
    this.plan = spec.plan();
    this.round = round;
    this.jobStart = jobStart;
  }

  @ProcessElement
  public void processElement(
      @Element KV<String, CoGbkResult> results, OutputReceiver<Long> nextRound) throws IOException {
    RunDirectory run = RunDirectory.at(plan.output());
    if (run.checkpoint(round.end()).isEmpty()) {
      List<WorkerReport> reports = new ArrayList<>();
      results.getValue().getAll(REPORTS).forEach(reports::add);
      Optional<WorkerReport> stopped =
          reports.stream()
              .filter(report -> report.failure() != null)
              .min(Comparator.comparingInt(WorkerReport::worker));
      if (stopped.isPresent()) {
        stop(stopped.get());
        return;
      }
      Set<String> files = new TreeSet<>(Set.of(Checkpoint.MODEL));
      reports.forEach(report -> files.add(Checkpoint.optimizer(report.worker())));
      if (round.averages()) {
        results.getValue().getAll(FILES).forEach(files::add);
      }
      commit(run, files, reports);
    }
    nextRound.output(System.currentTimeMillis());
  }

  private void stop(WorkerReport report) throws IOException {
    long step = round.from().step() + report.steps().size() + 1;
    StoppedRun.write(plan.output(), step, report.worker(), report.failure());
  }

  private void commit(RunDirectory run, Set<String> files, List<WorkerReport> reports)
      throws IOException {
    Optional<Checkpoint> before = run.checkpoint(round.from());
    Set<String> known = before.isPresent() ? keys(before.get().state().rejectedSoFar()) : Set.of();
    RoundSummary summary = new RoundSummary(round, reports, Instant.now());
    List<Map<String, Double>> metrics = summary.metrics();
    if (spec.validates()) {
      metrics.get(metrics.size() - 1).putAll(validation(run));
    }
    MetricsLog.append(plan.output(), round.from().step(), jobStart, metrics);
    run.commit(summary.state(plan.steps()), files);
    count(known, reports);
  }

  /** The measures of the round's model on held-out data. The workers' device is idle meanwhile. */
  private Map<String, Double> validation(RunDirectory run) throws IOException {
    if (plan.device() == DeviceChoice.CPU) {
      List<TorchDevice> devices = Torch.devices();
      Torch.use(devices.get(devices.size() - 1));
    }
    Checkpoint written = new Checkpoint(round.end().step(), run.folder(round.end().step()));
    try (ReadableByteChannel model = written.open(Checkpoint.MODEL)) {
      return spec.validate(model);
    }
  }

  /** Counts what no earlier round has found, however many workers have found it now. */
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
