package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.store.Hold;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.model.torch.DeviceLease;
import dev.beit2.model.torch.TorchLibrary;
import dev.beit2.model.train.Trainer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.RunStoppedException;
import dev.beit2.pipelines.cli.TemplateLaunch;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.FaintImages;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RejectedNote;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.run.StoppedRun;
import java.io.Closeable;
import java.io.IOException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;

/**
 * The launcher's side of a training. Beam has no loop, so a run is a sequence of jobs. Each job is
 * a pipeline of some rounds, starts from the last checkpoint and ends with another one; jobs follow
 * each other until all steps are done.
 */
public final class TrainingJobs {
  private TrainingJobs() {}

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @throws InvalidOptionException if the run's folder holds another run, or another start holds it
   * @throws RunStoppedException if a loss was not finite
   */
  public static void run(TrainingSpec spec, TrainingOptions options)
      throws IOException, InterruptedException {
    TrainingPlan plan = spec.plan();
    if (isComplete(plan)) {
      TemplateLaunch.requireWork(
          options, plan.output(), "all %d steps done".formatted(plan.steps()));
      System.err.printf("[%s] all %d steps are done%n", plan.stage(), plan.steps());
      if (!Hold.isTaken(plan.output())) {
        return;
      }
      // A start that was killed after its last checkpoint may lack what its job writes at the end.
    }
    try (Hold held = OutputFolder.hold(plan.output())) {
      if (TemplateLaunch.isIn(options)) {
        launch(spec, options);
      } else {
        train(spec, options);
      }
    }
  }

  /** Whether nothing is left to do. Writes nothing. */
  private static boolean isComplete(TrainingPlan plan) throws IOException {
    return plan.config().isBegun(plan.output())
        && plan.isComplete(RunDirectory.at(plan.output()).position(plan.batchSize()));
  }

  /**
   * Makes a job of the next rounds. What workers need beside the checkpoints stays in the folder:
   * they read it when this process has ended.
   */
  private static void launch(TrainingSpec spec, TrainingOptions options) throws IOException {
    TrainingPlan plan = spec.plan();
    RunDirectory run = RunDirectory.open(plan.output(), plan.config());
    RunPosition position = run.position(plan.batchSize());
    StoppedRun.clear(plan.output());
    spec.prepareWorkers(); // and not closed
    Pipeline pipeline = Pipeline.create(options);
    apply(pipeline, spec, position);
    TemplateLaunch.make(pipeline, plan.stage());
  }

  private static void train(TrainingSpec spec, TrainingOptions options)
      throws IOException, InterruptedException {
    TrainingPlan plan = spec.plan();
    FlinkTarget target = FlinkTarget.of(options);
    RunDirectory run = RunDirectory.open(plan.output(), plan.config());
    options.setJobName(plan.config().values().get(RunConfig.COMMAND) + " " + plan.output());
    if (target.flink()) {
      // A slot for each worker: more tasks would only wait for slots.
      options.as(FlinkPipelineOptions.class).setParallelism(plan.workers());
    }
    cancelEarlier(target, options.getJobName());
    RunPosition position = run.position(plan.batchSize());
    requireDevice(plan, target);
    requireSlots(plan, target);
    StoppedRun.clear(plan.output());
    long faint = 0;
    JobMetrics metrics = new JobMetrics(options.getMetricsFile());
    try (Closeable prepared = spec.prepareWorkers();
        TrainingProgress progress = TrainingProgress.begin(spec, position)) {
      do {
        Pipeline pipeline = Pipeline.create(options);
        apply(pipeline, spec, position);
        PipelineResult job = pipeline.run();
        job.waitUntilFinish();
        metrics.add(job);
        faint += FaintImages.in(job);
        RunPosition reached = RunPosition.of(run.lastCheckpoint(), plan.batchSize());
        if (reached.step() <= position.step() && !plan.isComplete(position)) {
          throw stopped(plan, position);
        }
        position = reached;
      } while (!plan.isComplete(position));
      RejectedNote.print(plan.stage(), plan.output());
      FaintImages.print(plan.stage(), faint);
    } finally {
      if (!target.isRemote()) {
        // If one worker has stopped the run, others in this JVM wait for a round that never comes.
        DeviceLease.evict(plan.output());
      }
    }
  }

  /**
   * Adds the rounds of one job to a pipeline, none if all steps are done, and writes the list of
   * rejected images.
   */
  static void apply(Pipeline pipeline, TrainingSpec spec, RunPosition from) {
    TrainingPlan plan = spec.plan();
    Instant jobStart = Instant.now();
    PCollection<Long> started =
        pipeline
            .apply("Run", Create.of(plan.output()))
            .apply("Begin", ParDo.of(new BeginFn(spec, from)))
            .setCoder(VarLongCoder.of());
    RunPosition end = from;
    for (Round round : plan.nextRounds(from)) {
      started =
          started.apply(
              "Round to step " + round.end().step(), new TrainingRound(spec, round, jobStart));
      end = round.end();
    }
    started
        .apply("Read rejected", ParDo.of(new ReadRejectedFn(plan.output(), end)))
        .apply("Write rejected", RejectedImages.write(RejectedNote.folder(plan.output())));
  }

  /** Ends the job that a killed launcher has left running: two jobs would write into one run. */
  private static void cancelEarlier(FlinkTarget target, String jobName)
      throws IOException, InterruptedException {
    if (target.isRemote()) {
      FlinkJobs.cancelRunning(target.master(), jobName);
    }
  }

  /** A worker in another process reports a missing GPU itself. */
  private static void requireDevice(TrainingPlan plan, FlinkTarget target) {
    if (target.isRemote() || plan.device() == DeviceChoice.CPU) {
      return;
    }
    TorchLibrary library = TorchLibrary.loaded();
    if (!library.gpus().isEmpty()) {
      System.err.printf("[%s] %s%n", plan.stage(), library);
    } else if (plan.device() == DeviceChoice.GPU) {
      throw new InvalidOptionException(
          "--device=gpu",
          "no GPU in this machine (" + library + ")",
          "a GPU that PyTorch sees, or --device=auto");
    }
  }

  /** Without enough slots Flink would wait for minutes before it gives up. */
  private static void requireSlots(TrainingPlan plan, FlinkTarget target)
      throws IOException, InterruptedException {
    if (!target.isRemote()) {
      return;
    }
    int slots = FlinkJobs.at(target.master()).overview().slots();
    if (slots < plan.workers()) {
      throw new InvalidOptionException(
          "--workers=" + plan.workers(),
          "%d slot%s on --flinkMaster=%s".formatted(slots, slots == 1 ? "" : "s", target.master()),
          "at least one per worker; ./beit2 cluster add-taskmanager adds slots");
    }
  }

  private static RunStoppedException stopped(TrainingPlan plan, RunPosition position)
      throws IOException {
    Optional<String> reason = StoppedRun.reason(plan.output());
    return new RunStoppedException(
        "the run in %s stopped after step %d, its last checkpoint: %s"
            .formatted(
                plan.output(),
                position.step(),
                reason.orElse("its job ended without a new checkpoint")));
  }

  /**
   * Starts the first round of a job. Several workers must start from the same parameters, so if
   * there is no checkpoint yet, this writes the one of step 0. Output: start time of the first
   * round.
   */
  private static final class BeginFn extends DoFn<String, Long> {
    private static final long serialVersionUID = 1L;

    private final TrainingSpec spec;
    private final RunPosition from;

    BeginFn(TrainingSpec spec, RunPosition from) {
      this.spec = spec;
      this.from = from;
    }

    @ProcessElement
    public void processElement(OutputReceiver<Long> firstRound) throws IOException {
      TrainingPlan plan = spec.plan();
      RunDirectory run = RunDirectory.at(plan.output());
      if (plan.workers() > 1 && from.step() == 0 && run.checkpoint(from).isEmpty()) {
        try (TrainingTask<?, ?> task = spec.open(from)) {
          TrainingLoop.initialize(task, plan);
          Trainer trainer = task.trainer();
          run.writeCheckpoint(
              CheckpointState.untrained(plan.steps()),
              Map.of(Checkpoint.MODEL, trainer::writeModel));
        }
      }
      firstRound.output(System.currentTimeMillis());
    }
  }

  /** Reads from the last checkpoint which images could not be used. */
  private static final class ReadRejectedFn extends DoFn<Long, RejectedImage> {
    private static final long serialVersionUID = 1L;

    private final String output;
    private final RunPosition end;

    ReadRejectedFn(String output, RunPosition end) {
      this.output = output;
      this.end = end;
    }

    @ProcessElement
    public void processElement(OutputReceiver<RejectedImage> rejected) throws IOException {
      Optional<Checkpoint> last = RunDirectory.at(output).checkpoint(end);
      if (last.isPresent()) {
        last.get().state().rejectedSoFar().forEach(rejected::output);
      }
    }
  }
}
