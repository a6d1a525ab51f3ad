package dev.beit2.pipelines.train;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.recipe.MicroBatch;
import dev.beit2.model.recipe.TrainingRecipe;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.LinearSchedule;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.pipelines.average.OuterOptimizer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.TemplateLaunch;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * How a training run proceeds: its rounds, its schedule and its resources.
 *
 * @param stage name of the run in progress lines
 * @param output the run's folder
 * @param config the run's configuration; a second start must have the same
 * @param examples images of the data set; an epoch sees each once
 * @param workers N, in the rounds to come; another start may have another number
 * @param batchSize images per step of one worker
 * @param microBatch images that go through the network at once (gradient accumulation)
 * @param threads of each tensor operation of a worker; null means all processors of its JVM
 * @param device where the network runs
 * @param localSteps steps of each worker in a round, H
 * @param roundsPerJob rounds that are submitted as one job
 * @param outer applies the average of the workers' parameters
 * @param schedule length of the run and learning rate
 * @param showSteps whether the workers print each step, because they run in the launcher's JVM
 */
public record TrainingPlan(
    String stage,
    String output,
    RunConfig config,
    long examples,
    int workers,
    int batchSize,
    MicroBatch microBatch,
    @Nullable Integer threads,
    DeviceChoice device,
    long localSteps,
    int roundsPerJob,
    OuterOptimizer outer,
    Schedule schedule,
    boolean showSteps)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The official segmentation's {@code warmup_ratio}. */
  private static final double LINEAR_WARMUP_START = 1e-6;

  /** Options that may change between two starts of a run. */
  private static final Set<String> MAY_CHANGE =
      Set.of(
          "output",
          "checkpointEvery",
          "workers",
          "localSteps",
          "roundsPerJob",
          "accumulate",
          "microBatch",
          "device",
          "recompute",
          "skipCorruptShards",
          "threads",
          "metricsFile",
          "validation");

  /**
   * An amount of training: optimizer steps, or passes over the images. More workers need fewer
   * steps for the same number of passes.
   */
  public record Length(@Nullable Long steps, @Nullable Double epochs) implements Serializable {
    private long inSteps(long examples, long imagesPerStep) {
      return steps != null ? steps : Math.max(1, (long) (epochs * examples / imagesPerStep));
    }
  }

  /**
   * Length of a run and its learning rate: a linear warm-up from 0, then half a cosine.
   *
   * @param length of the whole run
   * @param warmup of the warm-up, at most half of the run
   * @param learningRate at the peak
   * @param minLearningRate learning rate at the end, below the peak
   */
  public record Schedule(Length length, Length warmup, double learningRate, double minLearningRate)
      implements Serializable {}

  public TrainingPlan {
    requireNonNull(stage, "stage is null");
    requireNonNull(output, "output is null");
    requireNonNull(config, "config is null");
    requireNonNull(microBatch, "microBatch is null");
    requireNonNull(device, "device is null");
    requireNonNull(outer, "outer is null");
    requireNonNull(schedule, "schedule is null");
  }

  /**
   * Plans the run that options describe.
   *
   * @param stage name of the run in progress lines
   * @param config the run's configuration, see {@link #config(String, Class, TrainingOptions,
   *     TrainingRecipe)}
   * @param examples images of the data set
   * @param imageSize width and height of the network's input in pixels
   * @param recipe of the preset
   * @throws InvalidOptionException if there are more workers than images, the learning rate does
   *     not fall, the micro-batches do not divide the batch, or one of them is larger than a buffer
   *     can be
   */
  public static TrainingPlan of(
      String stage,
      RunConfig config,
      TrainingOptions options,
      long examples,
      int imageSize,
      TrainingRecipe recipe) {
    if (options.getWorkers() > examples) {
      throw new InvalidOptionException(
          "--workers=" + options.getWorkers(), examples + " images", "at least one per worker");
    }
    FlinkTarget target = FlinkTarget.of(options);
    return new TrainingPlan(
        stage,
        target.path(options.getOutput()),
        config,
        examples,
        options.getWorkers(),
        options.getBatchSize(),
        microBatch(options, imageSize, recipe.microBatch()),
        threads(options, target),
        options.getDevice(),
        localSteps(options),
        options.getRoundsPerJob(),
        new OuterOptimizer(options.getOuterLearningRate(), options.getOuterMomentum()),
        schedule(options, recipe),
        !target.isRemote() && !TemplateLaunch.isIn(options));
  }

  private static MicroBatch microBatch(TrainingOptions options, int imageSize, MicroBatch recipe) {
    int most = Integer.MAX_VALUE / (3 * imageSize * imageSize * Float.BYTES);
    if (options.getMicroBatch() != null) {
      requireBuffer("--microBatch=" + options.getMicroBatch(), options.getMicroBatch(), most);
      return new MicroBatch(options.getMicroBatch(), options.getMicroBatch());
    }
    if (options.getAccumulate() == null) {
      return recipe;
    }
    String given = "--accumulate=" + options.getAccumulate();
    if (options.getBatchSize() % options.getAccumulate() != 0) {
      throw new InvalidOptionException(
          given, "--batchSize=" + options.getBatchSize(), "a divisor of it");
    }
    int images = options.getBatchSize() / options.getAccumulate();
    requireBuffer(given, images, most);
    return new MicroBatch(images, images);
  }

  /** Java's buffers have at most 2 GiB. */
  private static void requireBuffer(String given, int images, int most) {
    if (images > most) {
      throw new InvalidOptionException(
          given, images + " images in a micro-batch", "at most " + most + " of this size");
    }
  }

  private static Schedule schedule(TrainingOptions options, TrainingRecipe recipe) {
    // Workers that average every step take one step of all their images together.
    long averaged = localSteps(options) == 1 ? options.getWorkers() : 1;
    long wholeBatch = averaged * options.getBatchSize();
    double peak = peak(options, recipe, wholeBatch);
    double end = end(options, recipe, wholeBatch);
    if (end >= peak && options.getMinLearningRate() != null) {
      throw new InvalidOptionException(
          "--minLearningRate=" + end, "a peak learning rate of " + peak, "less than that");
    } else if (end >= peak) {
      throw new InvalidOptionException(
          "--learningRate=" + peak,
          "an end of the schedule of " + end + " without --minLearningRate",
          "a peak above the end");
    }
    return new Schedule(
        new Length(options.getSteps(), options.getEpochs()),
        new Length(options.getWarmupSteps(), options.getWarmupEpochs()),
        peak,
        end);
  }

  private static double peak(TrainingOptions options, TrainingRecipe recipe, long batch) {
    return options.getLearningRate() != null
        ? options.getLearningRate()
        : recipe.learningRate().of(batch);
  }

  private static double end(TrainingOptions options, TrainingRecipe recipe, long batch) {
    return options.getMinLearningRate() != null
        ? options.getMinLearningRate()
        : recipe.minLearningRate().of(batch);
  }

  private static long localSteps(TrainingOptions options) {
    return options.getLocalSteps() != null ? options.getLocalSteps() : options.getCheckpointEvery();
  }

  /** The optimizer that options describe. */
  public static AdamWConfig optimizer(TrainingOptions options) {
    return new AdamWConfig(
        options.getAdamBeta1(),
        options.getAdamBeta2(),
        options.getAdamEps(),
        options.getWeightDecay(),
        options.getClipNorm());
  }

  /**
   * A network for images of another size.
   *
   * @throws InvalidOptionException if the image is not made of whole patches
   */
  public static VitConfig withInput(VitConfig network, int inputSize, int patchSize) {
    if (inputSize % patchSize != 0) {
      throw new InvalidOptionException(
          "--inputSize=" + inputSize, "--patchSize=" + patchSize, "a multiple of it");
    }
    return network.withInput(inputSize, patchSize, network.channels());
  }

  /**
   * The configuration of a run: its command, and each option that has a value and may not change
   * between two starts. Learning rates that were not given are those of one worker's batch, because
   * the number of workers may change.
   *
   * @param command such as {@code pretrain}
   * @param declared the command's options interface
   * @param recipe of the preset
   */
  public static RunConfig config(
      String command,
      Class<? extends TrainingOptions> declared,
      TrainingOptions options,
      TrainingRecipe recipe) {
    int batch = options.getBatchSize();
    return RunConfig.of(command, declared, options, MAY_CHANGE)
        .with("learningRate", Double.toString(peak(options, recipe, batch)))
        .with("minLearningRate", Double.toString(end(options, recipe, batch)));
  }

  /**
   * Workers in one JVM share its processors; a worker of a cluster has those of its TaskManager.
   */
  @Nullable
  private static Integer threads(TrainingOptions options, FlinkTarget target) {
    if (options.getThreads() != null || !target.isEmbedded()) {
      return options.getThreads();
    }
    return Math.max(1, FlinkTarget.processors() / options.getWorkers());
  }

  /** Threads of each tensor operation in this JVM. */
  int threadsHere() {
    return threads != null ? threads : FlinkTarget.processors();
  }

  /** Images that go through the network at once on this thread's device. */
  int microBatchHere() {
    return Math.min(
        batchSize, Torch.device().isGpu() ? microBatch.onGpu() : microBatch.onProcessor());
  }

  private long imagesPerStep() {
    return (long) workers * batchSize;
  }

  /** Optimizer steps of each worker, if the whole run had as many workers as now. */
  long steps() {
    return schedule.length().inSteps(examples, imagesPerStep());
  }

  /** The position of a run in terms of {@link #steps}. */
  long done(RunPosition position) {
    return schedule.length().steps() != null
        ? position.step()
        : position.images() / imagesPerStep();
  }

  boolean isComplete(RunPosition position) {
    return done(position) >= steps();
  }

  /** The learning rate by the trainer's own count of steps, from a position on. */
  public CosineSchedule learningRate(RunPosition position) {
    return new CosineSchedule(
            schedule.learningRate(),
            0,
            schedule.minLearningRate(),
            Math.min(schedule.warmup().inSteps(examples, imagesPerStep()), steps() / 2),
            steps())
        .withOffset(done(position) - position.step());
  }

  /** The same length and warm-up, but with a linear fall. */
  public LinearSchedule linearLearningRate(RunPosition position) {
    CosineSchedule cosine = learningRate(position);
    return new LinearSchedule(
        cosine.peak(),
        LINEAR_WARMUP_START,
        cosine.end(),
        cosine.warmupSteps(),
        cosine.steps(),
        cosine.offset());
  }

  /** The rounds of the next job: at most {@link #roundsPerJob}, fewer at the end of the run. */
  List<Round> nextRounds(RunPosition position) {
    List<Round> rounds = new ArrayList<>();
    RunPosition from = position;
    while (rounds.size() < roundsPerJob && !isComplete(from)) {
      // A round ends at a multiple of H, even if the run was started with another H.
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
