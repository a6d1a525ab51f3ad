package dev.beit2.pipelines.train;

import dev.beit2.model.train.Learner;
import dev.beit2.model.train.NonFiniteLossException;
import dev.beit2.pipelines.cli.InvalidOptionException;
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
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * What a worker keeps from round to round: the network on its device, the optimizer's state, and
 * the queue of batches, which goes on being filled while others average.
 *
 * <p>What a step sees depends on its number and on the worker alone, and a checkpoint holds all
 * that the steps after it depend on, so a session that begins at a checkpoint goes on to the bit as
 * the one that wrote it would have.
 */
final class TrainingLoop<ExampleT, BatchT> implements AutoCloseable {
  private final TrainingTask<ExampleT, BatchT> task;
  private final PrefetchQueue<List<ExampleT>, BatchT> batches;
  private final int worker;
  private final int workers;
  private RunPosition at;

  private TrainingLoop(TrainingTask<ExampleT, BatchT> task, Round round, int worker) {
    this.task = task;
    this.worker = worker;
    this.workers = round.workers();
    this.at = round.from();
    TrainingPlan plan = task.plan();
    this.batches =
        new PrefetchQueue<>(
            task::newBatch,
            new SliceFiller<>(task, round, worker),
            at.step(),
            at.step() + plan.steps() - plan.done(at),
            Math.max(1, plan.threads() / 2));
  }

  /**
   * Begins at the checkpoint where a round begins.
   *
   * @throws InvalidOptionException if it holds a model of another shape
   */
  static TrainingLoop<?, ?> open(
      TrainRounds.Source source, PipelineOptions options, Round round, int worker)
      throws IOException {
    TrainingTask<?, ?> task = source.open(options, round.from());
    try {
      Optional<Checkpoint> start = RunDirectory.at(task.plan().output()).checkpoint(round.from());
      if (start.isPresent()) {
        restoreModel(task, start.get());
        restoreOptimizer(task.learner(), start.get(), worker);
        task.alreadyRejected(RoundState.rejected(start.get()));
      }
      return new TrainingLoop<>(task, round, worker);
    } catch (IOException | RuntimeException e) {
      task.close();
      throw e;
    }
  }

  private static void restoreModel(TrainingTask<?, ?> task, Checkpoint checkpoint)
      throws IOException {
    try (ReadableByteChannel model = checkpoint.open(Checkpoint.MODEL)) {
      task.learner().restoreModel(model);
    } catch (IllegalArgumentException e) {
      throw new InvalidOptionException(
          "--output=" + task.plan().output(),
          "another model in its checkpoint: " + e.getMessage(),
          "the same model");
    }
  }

  /** A worker that joins takes over the state of one that was there. */
  private static void restoreOptimizer(Learner learner, Checkpoint checkpoint, int worker)
      throws IOException {
    int before = RoundState.workers(checkpoint);
    if (before == 0) {
      return; // nobody has taken a step yet
    }
    try (ReadableByteChannel state = checkpoint.open(Checkpoint.optimizer(worker % before))) {
      learner.restoreOptimizer(state);
    }
  }

  /**
   * Makes the parameters those with which a round begins, if this session did the round before it.
   */
  boolean continuesAt(Round round) throws IOException {
    if (!at.equals(round.from()) || workers != round.workers()) {
      return false;
    }
    if (round.averages()) {
      Optional<Checkpoint> start = RunDirectory.at(task.plan().output()).checkpoint(at);
      if (start.isEmpty()) {
        return false;
      }
      restoreModel(task, start.get());
    }
    return true;
  }

  /** Takes the steps of a round. */
  WorkerReport run(Round round, long started, StepListener listener)
      throws IOException, InterruptedException {
    List<Map<String, Double>> steps = new ArrayList<>(round.steps());
    String failure = null;
    long waitedBefore = batches.waitedNanos();
    long begin = System.nanoTime();
    for (int i = 0; i < round.steps() && failure == null; i++) {
      long start = System.nanoTime();
      BatchT batch = batches.next();
      try {
        Map<String, Double> metrics = new LinkedHashMap<>(task.step(batch));
        double seconds = (System.nanoTime() - start) / 1e9;
        metrics.put("seconds", seconds);
        metrics.put("images_per_second", round.batchSize() / seconds);
        steps.add(metrics);
        listener.stepDone(i + 1, metrics);
      } catch (NonFiniteLossException e) {
        failure = "%s, at worker %d on %s".formatted(e.getMessage(), worker, task.keys(batch));
      }
      batches.recycle(batch);
    }
    at = round.end();
    double seconds = (System.nanoTime() - begin) / 1e9;
    double waited = (batches.waitedNanos() - waitedBefore) / 1e9;
    return new WorkerReport(
        worker, started, seconds, waited, 0, steps, task.rejected(), task.corruptShards(), failure);
  }

  /** Hears of each step of a round. */
  interface StepListener {
    /**
     * @param done steps of the round so far
     */
    void stepDone(int done, Map<String, Double> metrics);
  }

  Learner learner() {
    return task.learner();
  }

  @Override
  public void close() throws InterruptedException {
    try {
      batches.close();
    } finally {
      task.close(); // even if the job is cancelled meanwhile
    }
  }

  /** Fills the batches of one worker from its slice of the data. */
  private static final class SliceFiller<ExampleT, BatchT>
      implements PrefetchQueue.Filler<List<ExampleT>, BatchT> {
    private final TrainingTask<ExampleT, BatchT> task;
    private final WorkerPartition slice;
    private final int size;
    private final long firstStep;
    private final long firstImage;

    SliceFiller(TrainingTask<ExampleT, BatchT> task, Round round, int worker) {
      this.task = task;
      this.slice = new WorkerPartition(task.plan().examples(), round.workers(), worker);
      this.size = round.batchSize();
      this.firstStep = round.from().step();
      this.firstImage = round.from().images() / round.workers();
    }

    private long position(long step, int slot) {
      return slice.position(firstImage + (step - firstStep) * size + slot);
    }

    @Override
    public List<ExampleT> read(long step) throws IOException {
      List<ExampleT> examples = new ArrayList<>(size);
      for (int slot = 0; slot < size; slot++) {
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
