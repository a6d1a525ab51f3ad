package dev.beit2.pipelines.train;

import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.pipelines.cli.ByPreset;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.OneOf;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.options.DecodingOptions;
import java.util.Locale;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** What both trainings take. The recipes' numbers are with each command. */
public interface TrainingOptions extends DecodingOptions {
  @Description(
      "Folder of the run: checkpoints, metrics, rejected images. A run that was stopped goes on where its last "
          + "checkpoint is.")
  @Validation.Required
  String getOutput();

  void setOutput(String output);

  // Beam wants a default where the commands have one.
  @Default.String("base")
  String getPreset();

  void setPreset(String preset);

  Long getSteps();

  void setSteps(Long steps);

  Double getEpochs();

  void setEpochs(Double epochs);

  Integer getBatchSize();

  void setBatchSize(Integer batchSize);

  Double getLearningRate();

  void setLearningRate(Double learningRate);

  Long getWarmupSteps();

  void setWarmupSteps(Long warmupSteps);

  Double getWarmupEpochs();

  void setWarmupEpochs(Double warmupEpochs);

  Long getCheckpointEvery();

  void setCheckpointEvery(Long checkpointEvery);

  @Description(
      "Workers, one device each. Several train by local SGD: each takes --localSteps steps of --batchSize on its own part "
          + "of the images, then their parameters are averaged. On a cluster each needs a slot. It may change when a run goes on.")
  @Default.Integer(1)
  @Range(min = 1, max = 4096)
  int getWorkers();

  void setWorkers(int workers);

  @Description(
      "Steps of each worker in a round, at whose end the workers average and a checkpoint is written; instead of "
          + "--checkpointEvery, which means the same.")
  @ByPreset(insteadOf = "checkpointEvery")
  @Range(min = 1)
  Long getLocalSteps();

  void setLocalSteps(Long localSteps);

  @Description(
      "Rounds that are submitted as one job; one job follows the other until all steps are done.")
  @Default.Integer(10)
  @Range(min = 1, max = 1000)
  int getRoundsPerJob();

  void setRoundsPerJob(int roundsPerJob);

  @Description(
      "How far several workers' mean is followed at the end of a round: 1 = all the way. DiLoCo has 0.7.")
  @Default.Double(1)
  @Range(min = 0, max = 10)
  double getOuterLearningRate();

  void setOuterLearningRate(double outerLearningRate);

  @Description(
      "Nesterov momentum from round to round of several workers; 0 = none. DiLoCo has 0.9.")
  @Default.Double(0)
  @Range(min = 0, max = 0.9999)
  double getOuterMomentum();

  void setOuterMomentum(double outerMomentum);

  @Description(
      "Equal parts of a batch that are on the device one after the other, their gradients added up, for batches that do "
          + "not fit as a whole.")
  @Default.Integer(1)
  @Range(min = 1, max = 65536)
  int getAccumulate();

  void setAccumulate(int accumulate);

  @Description(
      "Computes transformer blocks a second time on the way back instead of keeping what they computed: the same "
          + "numbers in less memory and more time. Measured with base, a batch of 8 and fp32: 0.35 of the peak memory, "
          + "0.9 of the speed.")
  @Default.Boolean(false)
  boolean getRecompute();

  void setRecompute(boolean recompute);

  @Description("Where the network runs. auto: a GPU where the worker has one, else the processor.")
  @Default.String("auto")
  @OneOf({"auto", "cpu", "gpu"})
  String getDevice();

  void setDevice(String device);

  @Description(
      "Threads of a worker's operations. Left out: as many as its JVM has processors, shared out evenly where the workers "
          + "run inside this process.")
  @Range(min = 1, max = 1024)
  Integer getThreads();

  void setThreads(Integer threads);

  @Description(
      "File that Beam's metrics are written to after each job, as JSON: those of all jobs of this start. Left out: none.")
  String getMetricsFile();

  void setMetricsFile(String metricsFile);

  @Description(
      "Decides the starting values, the order of the images and everything else that is drawn.")
  @Default.Long(0)
  long getSeed();

  void setSeed(long seed);

  @Description(
      "Arithmetic of matrix products and attention: fp32 is exact, bf16 faster where the processor has it. "
          + "Parameters and losses are fp32 either way.")
  @Default.String("fp32")
  @OneOf({"fp32", "bf16"})
  String getPrecision();

  void setPrecision(String precision);

  static DeviceChoice device(TrainingOptions options) {
    return DeviceChoice.valueOf(options.getDevice().toUpperCase(Locale.ROOT));
  }

  static int threads(TrainingOptions options) {
    return options.getThreads() != null ? options.getThreads() : Command.cores();
  }
}
