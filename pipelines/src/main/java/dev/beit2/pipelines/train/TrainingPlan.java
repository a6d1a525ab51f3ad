package dev.beit2.pipelines.train;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.train.CosineSchedule;
import dev.beit2.pipelines.average.OuterOptimizer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * What a training run does, worked out from its options and the number of its examples.
 *
 * @param output the run's folder
 * @param config what defines the run
 * @param examples images of the data set; an epoch sees each once
 * @param workers N, of the rounds to come; another start may have another number
 * @param batchSize images a step of one worker
 * @param accumulate parts of a step's batch that are on the device one after the other
 * @param threads of each operation of a worker
 * @param localSteps steps of a round, H
 * @param roundsPerJob rounds that are submitted at once
 * @param outer what is made of the workers' mean
 * @param length of the whole run
 * @param warmup in which the learning rate rises
 * @param learningRate at its peak
 */
public record TrainingPlan(
    String output,
    RunConfig config,
    long examples,
    int workers,
    int batchSize,
    int accumulate,
    int threads,
    long localSteps,
    int roundsPerJob,
    OuterOptimizer outer,
    Length length,
    Length warmup,
    double learningRate)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  // What may be different when a run goes on.
  private static final Set<String> NOT_DEFINING =
      Set.of(
          "output",
          "checkpointEvery",
          "workers",
          "localSteps",
          "roundsPerJob",
          "accumulate",
          "device",
          "recompute",
          "skipCorruptShards",
          "threads",
          "metricsFile");
  private static final double WARMUP_FROM = 1e-6;
  private static final double COSINE_TO = 1e-5;

  /**
   * An amount of training: optimizer steps, or passes over the images, which more workers take in
   * fewer steps.
   */
  record Length(@Nullable Long steps, @Nullable Double epochs) implements Serializable {
    private long inSteps(long examples, long imagesPerStep) {
      return steps != null ? steps : Math.max(1, (long) (epochs * examples / imagesPerStep));
    }
  }

  public TrainingPlan {
    requireNonNull(output, "output is null");
    requireNonNull(config, "config is null");
  }

  /**
   * @param command such as {@code pretrain}
   * @param declared the command's options interface
   * @param examples images of the data set
   * @throws InvalidOptionException if there are more workers than images, or a batch cannot be
   *     taken in so many parts
   */
  public static TrainingPlan of(
      String command,
      Class<? extends TrainingOptions> declared,
      TrainingOptions options,
      long examples) {
    if (options.getWorkers() > examples) {
      throw new InvalidOptionException(
          "--workers=" + options.getWorkers(), examples + " images", "an image for each at least");
    }
    if (options.getBatchSize() % options.getAccumulate() != 0) {
      throw new InvalidOptionException(
          "--accumulate=" + options.getAccumulate(),
          "--batchSize=" + options.getBatchSize(),
          "a number of parts that divides it");
    }
    return new TrainingPlan(
        options.getOutput(),
        RunConfig.of(command, declared, options, NOT_DEFINING),
        examples,
        options.getWorkers(),
        options.getBatchSize(),
        options.getAccumulate(),
        TrainingOptions.threads(options),
        options.getLocalSteps() != null ? options.getLocalSteps() : options.getCheckpointEvery(),
        options.getRoundsPerJob(),
        new OuterOptimizer(options.getOuterLearningRate(), options.getOuterMomentum()),
        new Length(options.getSteps(), options.getEpochs()),
        new Length(options.getWarmupSteps(), options.getWarmupEpochs()),
        options.getLearningRate());
  }

  private long imagesPerStep() {
    return (long) workers * batchSize;
  }

  /** Optimizer steps of a worker, if the whole run has as many workers as now. */
  long steps() {
    return length.inSteps(examples, imagesPerStep());
  }

  /** How many of {@link #steps} a position stands for. */
  long done(RunPosition at) {
    return length.steps() != null ? at.step() : at.images() / imagesPerStep();
  }

  boolean isComplete(RunPosition at) {
    return done(at) >= steps();
  }

  /** The learning rate by the trainer's step, which goes on from a position. */
  public CosineSchedule schedule(RunPosition at) {
    double peak = learningRate;
    return new CosineSchedule(
            peak,
            Math.min(WARMUP_FROM, peak),
            Math.min(COSINE_TO, peak),
            Math.min(warmup.inSteps(examples, imagesPerStep()), steps() / 2),
            steps())
        .ahead(done(at) - at.step());
  }

  /** The rounds of the next job, as many as are left at most. */
  List<Round> nextRounds(RunPosition at) {
    List<Round> rounds = new ArrayList<>();
    RunPosition from = at;
    while (rounds.size() < roundsPerJob && !isComplete(from)) {
      // A round ends at a multiple of H, whatever round was begun with another H.
      long until = (done(from) / localSteps + 1) * localSteps;
      int steps = Math.toIntExact(Math.min(until, steps()) - done(from));
      RunPosition end = new Round(workers, from, steps, batchSize, false).end();
      boolean last = rounds.size() + 1 == roundsPerJob || isComplete(end);
      rounds.add(new Round(workers, from, steps, batchSize, last));
      from = end;
    }
    return rounds;
  }
}
