package dev.beit2.pipelines.train;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState.RoundStatistics;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.stream.Collectors;

/**
 * Prints the rounds of a run where its jobs are submitted: one line per round, read from the run's
 * checkpoints. Steps are printed by the {@link TrainingLoop}.
 */
final class TrainingProgress implements AutoCloseable {
  private static final Duration POLL_DISK_EVERY = Duration.ofMillis(300);
  private static final Duration POLL_STORE_EVERY = Duration.ofSeconds(5);

  private static final String VALIDATION = "validation_";

  private final TrainingSpec spec;
  private final TrainingPlan plan;
  private final Progress progress;
  private final Thread poller;
  private RunPosition printed;
  private volatile boolean closed;

  private TrainingProgress(TrainingSpec spec, RunPosition from) {
    this.spec = spec;
    this.plan = spec.plan();
    this.progress = Progress.onStderr(plan.stage(), plan.steps());
    this.printed = from;
    this.poller = new Thread(this::poll, "progress");
    progress.continueFrom(plan.done(from), from.images());
  }

  static TrainingProgress begin(TrainingSpec spec, RunPosition from) {
    TrainingProgress progress = new TrainingProgress(spec, from);
    progress.poller.setDaemon(true);
    progress.poller.start();
    return progress;
  }

  private void poll() {
    boolean local = new StoredFile(plan.output()).localPath().isPresent();
    try {
      while (!closed) {
        Thread.sleep((local ? POLL_DISK_EVERY : POLL_STORE_EVERY).toMillis());
        try {
          printNewest();
        } catch (IOException | InvalidInputException e) {
          // The next poll may succeed; the job fails by itself if the folder cannot be read.
        }
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  /** Prints the round that ended with the newest checkpoint, unless it was printed before. */
  private synchronized void printNewest() throws IOException {
    Optional<Checkpoint> last = RunDirectory.latest(plan.output());
    if (last.isEmpty() || last.get().step() <= printed.step()) {
      return;
    }
    printed = RunPosition.of(last, plan.batchSize());
    RoundStatistics round = last.get().state().round();
    if (round != null) {
      progress.line(line(round)); // before the update, which prints nothing right after a line
      if (spec.validates()) {
        printValidation();
      }
      progress.update(plan.done(printed), OptionalDouble.of(round.loss()), printed.images());
    }
  }

  /** What the newest checkpoint did on held-out data, if there is any. */
  private void printValidation() throws IOException {
    List<Map<String, Double>> last = MetricsLog.readLast(plan.output(), printed.step() - 1, 1);
    for (Map<String, Double> metrics : last) {
      String measures =
          metrics.entrySet().stream()
              .filter(metric -> metric.getKey().startsWith(VALIDATION))
              .map(
                  metric ->
                      String.format(
                          Locale.ROOT,
                          isCount(metric.getValue()) ? "%s %.0f" : "%s %.4g",
                          metric.getKey().substring(VALIDATION.length()).replace('_', ' '),
                          metric.getValue()))
              .collect(Collectors.joining(", "));
      if (!measures.isEmpty()) {
        progress.line("[%s] validation: %s".formatted(plan.stage(), measures));
      }
      spec.warning(metrics)
          .ifPresent(w -> progress.line("[%s] warning: %s".formatted(plan.stage(), w)));
    }
  }

  private static boolean isCount(double value) {
    return value == Math.rint(value);
  }

  private String line(RoundStatistics round) {
    long done = plan.done(printed);
    double imagesPerSecond = round.images() / round.seconds();
    double stepSeconds = plan.workers() * plan.batchSize() / imagesPerSecond;
    long left = Math.round((plan.steps() - done) * stepSeconds * 1e3);
    return String.format(
        Locale.ROOT,
        "[%s] round %d/%d: step %d/%d  loss %.4g  %s by %d worker%s%s",
        plan.stage(),
        rounds(done),
        rounds(plan.steps()),
        done,
        plan.steps(),
        round.loss(),
        Progress.rate(imagesPerSecond, "images"),
        plan.workers(),
        plan.workers() == 1 ? "" : "s",
        left > 0 ? "  " + Progress.span(Duration.ofMillis(left)) + " left" : "");
  }

  private long rounds(long steps) {
    return (steps + plan.localSteps() - 1) / plan.localSteps();
  }

  @Override
  public void close() throws IOException {
    closed = true;
    poller.interrupt();
    printNewest();
    progress.done();
  }
}
