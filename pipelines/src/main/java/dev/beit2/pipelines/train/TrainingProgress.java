package dev.beit2.pipelines.train;

import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.beam.sdk.io.FileSystems;

/**
 * Tells where the jobs are submitted how a run goes on: a line a round, read from its checkpoints,
 * and each step where the workers run in this JVM.
 */
final class TrainingProgress implements AutoCloseable {
  private static final Duration LOOK_EVERY = Duration.ofMillis(300);
  private static final Duration LOOK_INTO_STORE_EVERY = Duration.ofSeconds(5);
  private static final Map<String, TrainingProgress> HERE = new ConcurrentHashMap<>();

  private final String stage;
  private final TrainingPlan plan;
  private final Progress progress;
  private final long imagesBefore;
  private final Thread watcher;
  private RunPosition told;
  private volatile boolean closed;

  private TrainingProgress(String stage, TrainingPlan plan, RunPosition from) {
    this.stage = stage;
    this.plan = plan;
    this.progress = Progress.onStderr(stage, plan.steps());
    this.imagesBefore = from.images();
    this.told = from;
    this.watcher = new Thread(this::watch, "progress");
    progress.continueFrom(plan.done(from));
  }

  static TrainingProgress begin(String stage, TrainingPlan plan, RunPosition from) {
    TrainingProgress begun = new TrainingProgress(stage, plan, from);
    HERE.put(plan.output(), begun);
    begun.watcher.setDaemon(true);
    begun.watcher.start();
    return begun;
  }

  /**
   * A worker has taken a step.
   *
   * @param done steps of the round so far
   */
  static void step(String output, Round round, int done, double loss) {
    TrainingProgress here = HERE.get(output);
    if (here != null) {
      long images = round.from().images() + (long) done * round.workers() * round.batchSize();
      here.progress.update(here.plan.done(round.from()) + done, loss, images - here.imagesBefore);
    }
  }

  private void watch() {
    boolean local = FileSystems.matchNewResource(plan.output(), true).getScheme().equals("file");
    try {
      while (!closed) {
        Thread.sleep((local ? LOOK_EVERY : LOOK_INTO_STORE_EVERY).toMillis());
        lookIfPossible();
      }
    } catch (InterruptedException e) {
      // Closed.
    }
  }

  private void lookIfPossible() {
    try {
      look();
    } catch (IOException e) {
      // The next time, maybe; the job fails by itself if it has to.
    }
  }

  /** Tells of the newest checkpoint, if that was not told. */
  private synchronized void look() throws IOException {
    Optional<Checkpoint> last = RunDirectory.latest(plan.output());
    if (last.isEmpty() || last.get().step() <= told.step()) {
      return;
    }
    told = RunPosition.of(last, plan.batchSize());
    if (last.get().state().get("round") instanceof Map<?, ?> round) {
      double loss = ((Number) round.get("loss")).doubleValue();
      progress.line(line(round, loss)); // before the update, which then has nothing to say
      progress.update(plan.done(told), OptionalDouble.of(loss), told.images() - imagesBefore);
    }
  }

  private String line(Map<?, ?> round, double loss) {
    long done = plan.done(told);
    double seconds = ((Number) round.get("seconds")).doubleValue();
    double images = ((Number) round.get("images")).doubleValue();
    double stepSeconds = seconds / images * plan.workers() * plan.batchSize();
    long left = Math.round((plan.steps() - done) * stepSeconds * 1e3);
    return String.format(
        Locale.ROOT,
        "[%s] round %d/%d: step %d/%d  loss %.4g  %s by %d worker%s%s",
        stage,
        rounds(done),
        rounds(plan.steps()),
        done,
        plan.steps(),
        loss,
        Progress.rate(images / seconds, "images"),
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
    watcher.interrupt();
    HERE.remove(plan.output(), this);
    look();
    progress.done();
  }
}
