package dev.beit2.pipelines.train;

import dev.beit2.model.train.NonFiniteLossException;
import dev.beit2.model.train.Trainer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.loader.PrefetchQueue;
import dev.beit2.pipelines.loader.WorkerPartition;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import javax.annotation.Nullable;

/**
 * The training loop of one worker. It keeps the network on its device, the optimizer's state and a
 * queue of batches from round to round; while other workers average, the queue is filled.
 *
 * <p>What a step sees depends only on its number and on the worker, and a checkpoint holds
 * everything else that a step depends on. So a loop that starts from a checkpoint continues bit for
 * bit like the loop that has written it.
 */
final class TrainingLoop<ExampleT, BatchT> implements AutoCloseable {
  private final TrainingPlan plan;
  private final TrainingTask<ExampleT, BatchT> task;
  private final PrefetchQueue<List<ExampleT>, BatchT> batches;
  private final int worker;
  private final int workers;
  @Nullable private final Progress progress;
  private RunPosition position;

  private TrainingLoop(
      TrainingPlan plan, TrainingTask<ExampleT, BatchT> task, Round round, int worker) {
    this.plan = plan;
    this.task = task;
    this.worker = worker;
    this.workers = round.workers();
    this.position = round.from();
    this.batches =
        new PrefetchQueue<>(
            task::newBatch,
            new PartitionFiller<>(task, plan.examples(), round, worker),
            position.step(),
            position.step() + plan.steps() - plan.done(position),
            Math.max(1, plan.threadsHere() / 2));
    this.progress = plan.showSteps() && worker == 0 ? progress(plan, position) : null;
  }

  private static Progress progress(TrainingPlan plan, RunPosition from) {
    Progress progress = Progress.onStderr(plan.stage(), plan.steps());
    progress.continueFrom(plan.done(from), from.images());
    return progress;
  }

  /** Takes the steps of a round. A loss that is not finite ends it early. */
  WorkerReport run(Round round, long started, Consumer<Map<String, Double>> onStep)
      throws IOException, InterruptedException {
    List<Map<String, Double>> steps = new ArrayList<>(round.steps());
    String failure = null;
    if (progress != null) {
      progress.postpone(); // the launcher prints the round before
    }
    long waitedBefore = batches.waitedNanos();
    long roundStart = System.nanoTime();
    while (steps.size() < round.steps() && failure == null) {
      long stepStart = System.nanoTime();
      BatchT batch = batches.next(); // prefetched: read, decoded and augmented by other threads
      try {
        Map<String, Double> metrics =
            new LinkedHashMap<>(task.step(batch)); // forward, backward, optimizer
        double seconds = secondsSince(stepStart);
        metrics.put("seconds", seconds);
        metrics.put("images_per_second", round.batchSize() / seconds);
        steps.add(metrics);
        onStep.accept(metrics);
        show(round, steps.size(), metrics.get("loss"));
      } catch (NonFiniteLossException e) {
        failure = "%s, at worker %d on %s".formatted(e.getMessage(), worker, task.keys(batch));
      }
      batches.recycle(batch);
    }
    position = round.end();
    return new WorkerReport(
        worker,
        started,
        secondsSince(roundStart),
        (batches.waitedNanos() - waitedBefore) / 1e9,
        0,
        steps,
        task.rejected(),
        task.corruptShards(),
        failure);
  }

  private static double secondsSince(long nanoTime) {
    return (System.nanoTime() - nanoTime) / 1e9;
  }

  private void show(Round round, int steps, double loss) {
    if (progress != null) {
      long images = round.from().images() + (long) steps * round.workers() * round.batchSize();
      progress.update(plan.done(round.from()) + steps, loss, images);
    }
  }

  /**
   * Starts a loop from the checkpoint at the beginning of a round.
   *
   * @throws InvalidOptionException if the checkpoint holds a model of another shape
   */
  static TrainingLoop<?, ?> open(TrainingSpec spec, Round round, int worker) throws IOException {
    TrainingPlan plan = spec.plan();
    TrainingTask<?, ?> task = spec.open(round.from());
    try {
      Optional<Checkpoint> start = RunDirectory.at(plan.output()).checkpoint(round.from());
      if (start.isPresent()) {
        restoreModel(plan, task.trainer(), start.get());
        restoreOptimizer(task.trainer(), start.get(), worker);
        task.addRejected(start.get().state().rejectedSoFar());
      }
      return new TrainingLoop<>(plan, task, round, worker);
    } catch (IOException | RuntimeException e) {
      task.close();
      throw e;
    }
  }

  private static void restoreModel(TrainingPlan plan, Trainer trainer, Checkpoint checkpoint)
      throws IOException {
    try (ReadableByteChannel model = checkpoint.open(Checkpoint.MODEL)) {
      trainer.restoreModel(model);
    } catch (IllegalArgumentException e) {
      throw new InvalidOptionException(
          "--output=" + plan.output(),
          "another model in its checkpoint: " + e.getMessage(),
          "the same model");
    }
  }

  /** A worker that has joined since the checkpoint takes over another worker's optimizer state. */
  private static void restoreOptimizer(Trainer trainer, Checkpoint checkpoint, int worker)
      throws IOException {
    int before = checkpoint.state().workersOfRound();
    if (before == 0) {
      return; // no worker has taken a step yet
    }
    try (ReadableByteChannel state = checkpoint.open(Checkpoint.optimizer(worker % before))) {
      trainer.restoreOptimizer(state);
    }
  }

  /**
   * Prepares the loop for a round: takes over the averaged parameters.
   *
   * @return false if this loop did not do the round before, so that it cannot continue
   */
  boolean continuesAt(Round round) throws IOException {
    if (!position.equals(round.from()) || workers != round.workers()) {
      return false;
    }
    if (round.averages()) {
      Optional<Checkpoint> start = RunDirectory.at(plan.output()).checkpoint(position);
      if (start.isEmpty()) {
        return false;
      }
      restoreModel(plan, task.trainer(), start.get());
    }
    return true;
  }

  Trainer trainer() {
    return task.trainer();
  }

  @Override
  public void close() throws IOException, InterruptedException {
    try {
      batches.close();
    } finally {
      task.close(); // also if the job is cancelled while the queue is closed
    }
  }

  /** Fills batches from one worker's partition of the data. */
  private static final class PartitionFiller<ExampleT, BatchT>
      implements PrefetchQueue.Filler<List<ExampleT>, BatchT> {
    private final TrainingTask<ExampleT, BatchT> task;
    private final WorkerPartition partition;
    private final int batchSize;
    private final long firstStep;
    private final long imagesBefore;

    PartitionFiller(TrainingTask<ExampleT, BatchT> task, long examples, Round round, int worker) {
      this.task = task;
      this.partition = new WorkerPartition(examples, round.workers(), worker);
      this.batchSize = round.batchSize();
      this.firstStep = round.from().step();
      this.imagesBefore = round.from().images() / round.workers();
    }

    private long position(long step, int slot) {
      return partition.position(imagesBefore + (step - firstStep) * batchSize + slot);
    }

    @Override
    public List<ExampleT> read(long step) throws IOException {
      List<ExampleT> examples = new ArrayList<>(batchSize);
      for (int slot = 0; slot < batchSize; slot++) {
        examples.add(task.read(position(step, slot)));
      }
      return examples;
    }

    @Override
    public void fill(long step, List<ExampleT> examples, BatchT batch) throws IOException {
      for (int slot = 0; slot < examples.size(); slot++) {
        task.fill(position(step, slot), examples.get(slot), batch, slot);
      }
    }
  }
}
