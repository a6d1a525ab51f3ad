package dev.beit2.pipelines;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.store.ChannelWriter;
import dev.beit2.model.train.Trainer;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Trains from the last complete checkpoint of a run to its last step. What a step sees depends on
 * its number alone, and a checkpoint holds all that the steps after it depend on, so a run that was
 * killed ends with the same parameters, to the bit, as one that was not.
 */
final class TrainingLoop {
  static final String MODEL = "model.safetensors";
  // One file a worker; so far there is one.
  private static final String OPTIMIZER = "optimizer-0.safetensors";
  private static final String REJECTED = "rejected";

  private TrainingLoop() {}

  /** Whether a run has taken all its steps. */
  static boolean isComplete(RunDirectory run, TrainingPlan plan) throws IOException {
    return run.lastCheckpoint().map(last -> last.step() >= plan.steps()).orElse(false);
  }

  /**
   * Trains.
   *
   * @param stage what progress is told as
   * @throws InvalidOptionException if the run's folder holds another run, or a model of another
   *     shape
   */
  static <ExampleT, BatchT> void run(TrainingTask<ExampleT, BatchT> task, String stage)
      throws IOException, InterruptedException {
    TrainingPlan plan = task.plan();
    Trainer trainer = task.trainer();
    RunDirectory run = RunDirectory.open(plan.output(), plan.config());
    restore(run, task);
    long first = trainer.step();
    Progress progress = Progress.onStderr(stage, plan.steps());
    progress.continueFrom(first);
    try (MetricsLog log = MetricsLog.resume(run.path(), first);
        Prefetch<List<ExampleT>, BatchT> batches = prefetch(task, first)) {
      for (long step = first + 1; step <= plan.steps(); step++) {
        long start = System.nanoTime();
        BatchT batch = batches.next();
        Map<String, Double> metrics = new LinkedHashMap<>(task.step(batch));
        batches.recycle(batch);
        double seconds = (System.nanoTime() - start) / 1e9;
        metrics.put("seconds", seconds);
        metrics.put("images_per_second", plan.batchSize() / seconds);
        log.log(step, metrics);
        progress.update(step, metrics.get("loss"), (step - first) * plan.batchSize());
        if (step % plan.checkpointEvery() == 0 || step == plan.steps()) {
          log.flush();
          save(run, task);
        }
      }
    }
    progress.done();
  }

  private static <ExampleT, BatchT> Prefetch<List<ExampleT>, BatchT> prefetch(
      TrainingTask<ExampleT, BatchT> task, long first) {
    return new Prefetch<>(
        task::newBatch,
        new TaskFiller<>(task),
        first,
        task.plan().steps(),
        Math.max(1, Command.cores() / 2));
  }

  private record TaskFiller<ExampleT, BatchT>(TrainingTask<ExampleT, BatchT> task)
      implements Prefetch.Filler<List<ExampleT>, BatchT> {
    @Override
    public List<ExampleT> read(long step) throws IOException {
      int size = task.plan().batchSize();
      List<ExampleT> examples = new ArrayList<>(size);
      for (int slot = 0; slot < size; slot++) {
        examples.add(task.read(step * size + slot));
      }
      return examples;
    }

    @Override
    public void fill(long step, List<ExampleT> examples, BatchT batch) throws IOException {
      for (int slot = 0; slot < examples.size(); slot++) {
        task.fill(step * examples.size() + slot, examples.get(slot), batch, slot);
      }
    }
  }

  private static void save(RunDirectory run, TrainingTask<?, ?> task) throws IOException {
    Map<String, ChannelWriter> files = new LinkedHashMap<>();
    files.put(MODEL, task.trainer()::writeModel);
    files.put(OPTIMIZER, task.trainer()::writeOptimizer);
    List<Map<String, String>> rejected = new ArrayList<>();
    for (RejectedImage image : task.rejected()) {
      rejected.add(Map.of("key", image.key(), "reason", image.reason()));
    }
    run.writeCheckpoint(task.trainer().step(), files, Map.of(REJECTED, rejected));
  }

  private static void restore(RunDirectory run, TrainingTask<?, ?> task) throws IOException {
    Optional<Checkpoint> last = run.lastCheckpoint();
    if (last.isEmpty()) {
      return;
    }
    try (ReadableByteChannel model = last.get().open(MODEL);
        ReadableByteChannel optimizer = last.get().open(OPTIMIZER)) {
      task.trainer().restoreModel(model);
      task.trainer().restoreOptimizer(optimizer);
    } catch (IllegalArgumentException e) {
      throw new InvalidOptionException(
          "--output=" + run.path(),
          "another model in its checkpoint: " + e.getMessage(),
          "the same model");
    }
    task.alreadyRejected(rejected(last.get()));
  }

  private static List<RejectedImage> rejected(Checkpoint checkpoint) throws IOException {
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
