package dev.beit2.pipelines.train;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.train.NonFiniteLossException;
import dev.beit2.model.train.Trainer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.loader.PrefetchQueue;
import dev.beit2.pipelines.loader.WorkerPartition;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.function.Consumer;
import java.util.stream.LongStream;
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
  private final PrefetchQueue<List<ExampleT>, BatchT> microBatches;
  private final int microBatch;
  private final int worker;
  private final int workers;
  @Nullable private final Progress progress;
  private RunPosition position;
  private long faintCounted;

  private TrainingLoop(
      TrainingPlan plan, TrainingTask<ExampleT, BatchT> task, Round round, int worker) {
    this.plan = plan;
    this.task = task;
    this.worker = worker;
    this.workers = round.workers();
    this.position = round.from();
    this.microBatch = plan.microBatchHere();
    this.faintCounted = task.faint(); // those that initialized the network come again
    PartitionFiller<ExampleT, BatchT> filler =
        new PartitionFiller<>(
            task, plan.examples(), round, worker, microBatch, plan.steps() - plan.done(position));
    this.microBatches =
        new PrefetchQueue<>(
            () -> task.newBatch(microBatch),
            filler,
            0,
            (plan.steps() - plan.done(position)) * filler.microBatchesPerStep,
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
    long waitedBefore = microBatches.waitedNanos();
    long roundStart = System.nanoTime();
    while (steps.size() < round.steps() && failure == null) {
      long stepStart = System.nanoTime();
      List<String> keys = new ArrayList<>(round.batchSize());
      try {
        for (int seen = 0; seen < round.batchSize(); seen += microBatch) {
          if (seen > 0) {
            show(round, steps.size(), seen, OptionalDouble.empty());
          }
          accumulate(Math.min(microBatch, round.batchSize() - seen), keys);
        }
        Map<String, Double> metrics = new LinkedHashMap<>(task.update()); // optimizer
        double seconds = secondsSince(stepStart);
        metrics.put("seconds", seconds);
        metrics.put("images_per_second", round.batchSize() / seconds);
        steps.add(metrics);
        onStep.accept(metrics);
        show(round, steps.size(), 0, OptionalDouble.of(metrics.get("loss")));
      } catch (NonFiniteLossException e) {
        failure = "%s, at worker %d on %s".formatted(e.getMessage(), worker, keys);
      }
    }
    position = round.end();
    return new WorkerReport(
        worker,
        started,
        secondsSince(roundStart),
        (microBatches.waitedNanos() - waitedBefore) / 1e9,
        0,
        steps,
        task.rejected(),
        task.corruptShards(),
        failure);
  }

  /**
   * Takes the next micro-batch through the forward and the backward pass.
   *
   * @param keys receives the keys of its images
   */
  private void accumulate(int size, List<String> keys) throws IOException, InterruptedException {
    BatchT batch = microBatches.next(); // prefetched: read, decoded, augmented by other threads
    try {
      keys.addAll(task.keys(batch, size));
      task.accumulate(batch, size);
    } finally {
      microBatches.recycle(batch);
    }
  }

  private static double secondsSince(long nanoTime) {
    return (System.nanoTime() - nanoTime) / 1e9;
  }

  /**
   * Shows how far the run is.
   *
   * @param steps that this round has completed
   * @param seen images of the next step's batch: a large batch takes minutes without a GPU
   */
  private void show(Round round, int steps, int seen, OptionalDouble loss) {
    if (progress != null) {
      long ofWorker = (long) steps * round.batchSize() + seen;
      progress.update(
          plan.done(round.from()) + (double) ofWorker / round.batchSize(),
          loss,
          round.from().images() + ofWorker * round.workers());
    }
  }

  /**
   * Starts a loop from the checkpoint at the beginning of a round.
   *
   * @throws InvalidOptionException if the checkpoint's files are not those of this network
   */
  static TrainingLoop<?, ?> open(TrainingSpec spec, Round round, int worker) throws IOException {
    TrainingPlan plan = spec.plan();
    TrainingTask<?, ?> task = spec.open(round.from());
    try {
      Optional<Checkpoint> start = RunDirectory.at(plan.output()).checkpoint(round.from());
      if (start.isPresent()) {
        restoreModel(plan, task.trainer(), start.get());
        restoreOptimizer(plan, task.trainer(), start.get(), worker);
        task.addRejected(start.get().state().rejectedSoFar());
      } else {
        initialize(task, plan);
      }
      return new TrainingLoop<>(plan, task, round, worker);
    } catch (IOException | RuntimeException e) {
      task.close();
      throw e;
    }
  }

  /** Initializes what depends on the run's first images. */
  static <ExampleT, BatchT> void initialize(TrainingTask<ExampleT, BatchT> task, TrainingPlan plan)
      throws IOException {
    if (task.initialImages() == 0) {
      return;
    }
    BatchT images = task.newBatch(task.initialImages());
    WorkerPartition first = new WorkerPartition(plan.examples(), plan.workers(), 0);
    TrainingTask.Examples<ExampleT> examples =
        task.readAhead(LongStream.range(0, task.initialImages()).map(first::position).iterator());
    for (int slot = 0; slot < task.initialImages(); slot++) {
      task.fill(first.position(slot), examples.next(), images, slot);
    }
    task.initialize(images);
  }

  private static void restoreModel(TrainingPlan plan, Trainer trainer, Checkpoint checkpoint)
      throws IOException {
    restore(plan, checkpoint, Checkpoint.MODEL, trainer::restoreModel);
  }

  /** A worker that has joined since the checkpoint takes over another worker's optimizer state. */
  private static void restoreOptimizer(
      TrainingPlan plan, Trainer trainer, Checkpoint checkpoint, int worker) throws IOException {
    int before = checkpoint.state().workersOfRound();
    if (before == 0) {
      return; // no worker has taken a step yet
    }
    String file = Checkpoint.optimizer(worker % before);
    restore(plan, checkpoint, file, trainer::restoreOptimizer);
    if (trainer.step() != checkpoint.step()) {
      throw invalid(plan, checkpoint, file, "of step " + trainer.step());
    }
  }

  private interface Restoring {
    void from(ReadableByteChannel file) throws IOException;
  }

  private static void restore(
      TrainingPlan plan, Checkpoint checkpoint, String file, Restoring restoring)
      throws IOException {
    try (ReadableByteChannel content = checkpoint.open(file)) {
      restoring.from(content);
    } catch (InvalidCheckpointException
        | FileNotFoundException
        | NoSuchFileException e) { // others may pass
      throw invalid(plan, checkpoint, file, e.getMessage());
    }
  }

  private static InvalidOptionException invalid(
      TrainingPlan plan, Checkpoint checkpoint, String file, String why) {
    return new InvalidOptionException(
        "--output=" + plan.output(),
        "%s/%s (%s)".formatted(checkpoint.directory(), file, why),
        "the file that this run has written; without the folder %s it goes on from an earlier checkpoint"
            .formatted(checkpoint.directory()));
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

  /** How many more faint images were seen since the last call. */
  long takeFaint() {
    long before = faintCounted;
    faintCounted = task.faint();
    return faintCounted - before;
  }

  @Override
  public void close() throws IOException, InterruptedException {
    try {
      microBatches.close();
    } finally {
      task.close(); // also if the job is cancelled while the queue is closed
    }
  }

  /** Fills micro-batches, numbered from 0, from one worker's partition of the data. */
  private static final class PartitionFiller<ExampleT, BatchT>
      implements PrefetchQueue.Filler<List<ExampleT>, BatchT> {
    private final TrainingTask<ExampleT, BatchT> task;
    private final TrainingTask.Examples<ExampleT> examples;
    private final WorkerPartition partition;
    private final int batchSize;
    private final int microBatch;
    private final long microBatchesPerStep;
    private final long imagesBefore;

    PartitionFiller(
        TrainingTask<ExampleT, BatchT> task,
        long examples,
        Round round,
        int worker,
        int microBatch,
        long steps) {
      this.task = task;
      this.partition = new WorkerPartition(examples, round.workers(), worker);
      this.batchSize = round.batchSize();
      this.microBatch = microBatch;
      this.microBatchesPerStep = ((long) batchSize + microBatch - 1) / microBatch;
      this.imagesBefore = round.from().images() / round.workers();
      this.examples =
          task.readAhead(
              LongStream.range(imagesBefore, imagesBefore + steps * batchSize)
                  .map(partition::position)
                  .iterator());
    }

    private long position(long number, int slot) {
      long step = number / microBatchesPerStep;
      return partition.position(imagesBefore + step * batchSize + firstImage(number) + slot);
    }

    /** Index in its batch of a micro-batch's first image. */
    private int firstImage(long number) {
      return (int) (number % microBatchesPerStep) * microBatch;
    }

    @Override
    public List<ExampleT> read(long number) throws IOException {
      int size = Math.min(microBatch, batchSize - firstImage(number));
      List<ExampleT> read = new ArrayList<>(size);
      for (int slot = 0; slot < size; slot++) {
        read.add(examples.next());
      }
      return read;
    }

    @Override
    public void fill(long number, List<ExampleT> read, BatchT batch) throws IOException {
      for (int slot = 0; slot < read.size(); slot++) {
        task.fill(position(number, slot), read.get(slot), batch, slot);
      }
    }
  }
}
