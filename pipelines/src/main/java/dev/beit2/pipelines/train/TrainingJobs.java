package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImages;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.model.torch.DeviceLease;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.torch.TorchDevice;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.RunStoppedException;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.run.StoppedRun;
import java.io.IOException;
import java.util.Optional;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;

/**
 * Submits a run's rounds job by job until all steps are done, each from the last complete
 * checkpoint. Beam has no loop; this is it.
 */
public final class TrainingJobs {
  private TrainingJobs() {}

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage what progress is told as
   * @param source sets up the training on the worker
   * @throws InvalidOptionException if the run's folder holds another run
   * @throws RunStoppedException if a loss was not finite
   */
  public static void run(
      String stage, TrainingPlan plan, TrainingOptions options, TrainRounds.Source source)
      throws IOException, InterruptedException {
    RunDirectory run = RunDirectory.open(plan.output(), plan.config());
    fit(options, plan);
    cancelEarlier(options); // before it writes another checkpoint
    RunPosition at = position(run, plan);
    if (plan.isComplete(at)) {
      System.err.printf("[%s] all %d steps are done%n", stage, plan.steps());
      return;
    }
    requireDevice(options);
    requireSlots(options, plan);
    StoppedRun.clear(plan.output());
    JobMetrics metrics = new JobMetrics(options.getMetricsFile());
    try (TrainingProgress progress = TrainingProgress.begin(stage, plan, at)) {
      while (!plan.isComplete(at)) {
        metrics.add(submit(plan, at, options, source));
        RunPosition reached = position(run, plan);
        if (reached.step() <= at.step()) {
          throw stopped(plan, at);
        }
        at = reached;
      }
    } finally {
      evict(options, plan);
    }
  }

  /** If one worker stopped the run, others in this JVM wait for a round that does not come. */
  private static void evict(TrainingOptions options, TrainingPlan plan) {
    if (!isRemoteFlink(options)) {
      DeviceLease.evict(plan.output());
    }
  }

  private static RunPosition position(RunDirectory run, TrainingPlan plan) throws IOException {
    return RunPosition.of(run.lastCheckpoint(), plan.batchSize());
  }

  /** A worker elsewhere tells by itself that it has no GPU. */
  private static void requireDevice(TrainingOptions options) {
    if (!isRemoteFlink(options)
        && TrainingOptions.device(options) == DeviceChoice.GPU
        && Torch.devices().stream().noneMatch(TorchDevice::isGpu)) {
      throw new InvalidOptionException(
          "--device=gpu", "no GPU in this machine", "a GPU that PyTorch sees, or --device=auto");
    }
  }

  /** Flink would wait for a slot for minutes before it gives up. */
  private static void requireSlots(TrainingOptions options, TrainingPlan plan)
      throws IOException, InterruptedException {
    if (isRemoteFlink(options)) {
      String master = options.as(FlinkPipelineOptions.class).getFlinkMaster();
      int slots = FlinkJobs.at(master).overview().slots();
      if (slots < plan.workers()) {
        throw new InvalidOptionException(
            "--workers=" + plan.workers(),
            "%d slot%s on --flinkMaster=%s".formatted(slots, slots == 1 ? "" : "s", master),
            "one for each worker at least; ./beit2 cluster add-taskmanager adds some");
      }
    }
  }

  /** Gives each worker a slot of its own, and the run's jobs a name that only they have. */
  private static void fit(TrainingOptions options, TrainingPlan plan) {
    String command = plan.config().values().get(RunConfig.COMMAND);
    options.setJobName(command + " " + plan.output());
    if (options.getRunner() == FlinkRunner.class) {
      FlinkPipelineOptions flink = options.as(FlinkPipelineOptions.class);
      flink.setParallelism(plan.workers());
      if (flink.getFlinkMaster().equals("[local]") && options.getThreads() == null) {
        options.setThreads(Math.max(1, Command.cores() / plan.workers()));
      }
    }
  }

  /**
   * Ends what a launcher that was killed has left running on the cluster: two jobs would write one
   * run.
   */
  private static void cancelEarlier(TrainingOptions options)
      throws IOException, InterruptedException {
    if (isRemoteFlink(options)) {
      FlinkJobs.cancelRunning(
          options.as(FlinkPipelineOptions.class).getFlinkMaster(), options.getJobName());
    }
  }

  private static boolean isRemoteFlink(TrainingOptions options) {
    return options.getRunner() == FlinkRunner.class
        && !options.as(FlinkPipelineOptions.class).getFlinkMaster().startsWith("[");
  }

  private static PipelineResult submit(
      TrainingPlan plan, RunPosition from, TrainingOptions options, TrainRounds.Source source) {
    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Train", new TrainRounds(plan, from, source))
        .apply("Write rejected", RejectedImages.write(plan.output() + "/rejected"));
    PipelineResult result = pipeline.run();
    result.waitUntilFinish();
    return result;
  }

  private static RunStoppedException stopped(TrainingPlan plan, RunPosition at) throws IOException {
    Optional<String> reason = StoppedRun.reason(plan.output());
    return new RunStoppedException(
        "the run in %s stopped after step %d, its last checkpoint: %s"
            .formatted(plan.output(), at.step(), reason.orElse("its job ended without another")));
  }
}
