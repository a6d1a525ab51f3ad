package dev.beit2.pipelines.cli;

import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.flink.Submission;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.options.PipelineOptions;

/** Chooses the runner and prepares it. */
final class RunnerSetup {
  private RunnerSetup() {}

  /** Flink inside this JVM, unless another runner or a cluster is given. */
  static void applyDefaults(
      Command<?> command, Map<String, String> given, PipelineOptions options) {
    if (!given.containsKey("runner") && !TemplateLaunch.isIn(options)) {
      options.setRunner(FlinkRunner.class);
    }
    if (options.getRunner() != FlinkRunner.class) {
      return;
    }
    FlinkPipelineOptions flink = options.as(FlinkPipelineOptions.class);
    Optional<Submission> submission = Submission.current();
    if (!given.containsKey("flinkMaster")) {
      flink.setFlinkMaster(submission.isPresent() ? Submission.CHOSEN : FlinkTarget.EMBEDDED);
    } else if (submission.isPresent()) {
      throw new InvalidOptionException(
          "--flinkMaster=" + flink.getFlinkMaster(),
          "flink run, or a jar that was uploaded, which have a cluster already",
          "flink run --jobmanager=HOST:PORT, or no such option");
    }
    submission.ifPresent(chosen -> flink.setAttachedMode(!chosen.detached()));
    Path settings = Home.flinkConfiguration();
    if (flink.getFlinkConfDir() == null
        && System.getenv("FLINK_CONF_DIR") == null
        && Files.isDirectory(settings)) {
      flink.setFlinkConfDir(settings.toString());
    }
    if (FlinkTarget.of(options).isEmbedded() && !given.containsKey("parallelism")) {
      flink.setParallelism(command.localParallelism());
    }
  }

  /**
   * Prepares a job for a Flink cluster: the job brings its jar with it, and uses all slots unless
   * told otherwise.
   */
  static void prepareCluster(PipelineOptions options) throws InterruptedException {
    FlinkTarget target = FlinkTarget.of(options);
    if (!target.isRemote()) {
      return;
    }
    String given = "--flinkMaster=" + target.master();
    FlinkPipelineOptions flink = options.as(FlinkPipelineOptions.class);
    int slots = slots(given, target);
    if (flink.getFilesToStage() == null && Submission.current().isEmpty()) {
      Path jar = Home.jobJar();
      if (!Files.exists(jar)) {
        throw new InvalidOptionException(
            given, "no " + jar, "the jobs' jar, which mvn -DskipTests package makes");
      }
      flink.setFilesToStage(List.of(jar.toString()));
    }
    if (flink.getParallelism() == -1) {
      flink.setParallelism(Math.max(1, slots));
    }
  }

  private static int slots(String given, FlinkTarget target) throws InterruptedException {
    try {
      return FlinkJobs.at(target.master()).overview().slots();
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          given,
          "nobody there (" + e.getMessage() + ")",
          "HOST:PORT, the REST address of a Flink cluster");
    }
  }
}
