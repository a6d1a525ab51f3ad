package dev.beit2.pipelines;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.train.CosineSchedule;
import java.util.Set;

/**
 * What a training run does, worked out from its options and the number of its examples.
 *
 * @param output the run's folder
 * @param config what defines the run
 * @param steps optimizer steps of the whole run
 * @param batchSize examples a step
 * @param checkpointEvery steps between checkpoints; the last step always ends in one
 * @param schedule the learning rate
 */
record TrainingPlan(
    String output,
    RunConfig config,
    long steps,
    int batchSize,
    long checkpointEvery,
    CosineSchedule schedule) {
  // What may be different when a run goes on.
  private static final Set<String> NOT_DEFINING =
      Set.of("output", "checkpointEvery", "skipCorruptShards");
  private static final double WARMUP_FROM = 1e-6;
  private static final double COSINE_TO = 1e-5;

  TrainingPlan {
    requireNonNull(output, "output is null");
    requireNonNull(config, "config is null");
  }

  /**
   * @param command such as {@code pretrain}
   * @param declared the command's options interface
   * @param examples images of the data set; an epoch sees each once
   */
  static TrainingPlan of(
      String command,
      Class<? extends TrainingOptions> declared,
      TrainingOptions options,
      long examples) {
    long steps =
        options.getSteps() != null
            ? options.getSteps()
            : inSteps(options.getEpochs(), examples, options.getBatchSize());
    long warmup =
        options.getWarmupSteps() != null
            ? options.getWarmupSteps()
            : inSteps(options.getWarmupEpochs(), examples, options.getBatchSize());
    double peak = options.getLearningRate();
    return new TrainingPlan(
        options.getOutput(),
        RunConfig.of(command, declared, options, NOT_DEFINING),
        steps,
        options.getBatchSize(),
        options.getCheckpointEvery(),
        new CosineSchedule(
            peak,
            Math.min(WARMUP_FROM, peak),
            Math.min(COSINE_TO, peak),
            Math.min(warmup, steps / 2),
            steps));
  }

  private static long inSteps(double epochs, long examples, int batchSize) {
    return Math.max(1, (long) (epochs * examples / batchSize));
  }
}
