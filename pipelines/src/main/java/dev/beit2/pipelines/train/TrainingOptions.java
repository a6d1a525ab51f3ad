package dev.beit2.pipelines.train;

import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.pipelines.cli.InsteadOf;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.PrecisionOptions;
import java.util.Map;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** The options of all trainings. Their defaults by preset are in the recipes. */
public interface TrainingOptions extends DecodingOptions, PrecisionOptions {
  /** Runner options that a training sets itself. */
  Map<String, String> SET_BY_TRAINING =
      Map.of(
          "jobName", "its jobs are named after the command and --output",
          "parallelism", "it has a task for each of its --workers");

  /** Options that a training does not have as a template. */
  Map<String, String> NOT_IN_TEMPLATES =
      Map.of("metricsFile", "the launcher does not wait for the job, whose metrics Dataflow shows");

  @Description(
      "Folder of the run: checkpoints, metrics, rejected images. A run that was stopped continues from its last "
          + "checkpoint.")
  @Validation.Required
  @Location(Location.Kind.OUTPUT_FOLDER)
  String getOutput();

  void setOutput(String output);

  @Description("Optimizer steps; instead of --epochs.")
  @InsteadOf("epochs")
  @Range(min = 1)
  Long getSteps();

  void setSteps(Long steps);

  @Description("Passes over the images; instead of --steps. Left out: as long as the preset.")
  @InsteadOf("steps")
  @Range(min = 0.001)
  Double getEpochs();

  void setEpochs(Double epochs);

  @Description(
      "Images per step of each worker: base and large have the official batch. See --microBatch for what must fit on the "
          + "device.")
  @Range(min = 1, max = 65536)
  Integer getBatchSize();

  void setBatchSize(Integer batchSize);

  @Description(
      "Peak learning rate, after the warm-up. The default is in proportion to the whole batch: --batchSize, times "
          + "--workers if they average every step (--localSteps=1).")
  @Range(min = 0)
  Double getLearningRate();

  void setLearningRate(Double learningRate);

  @Description(
      "Learning rate at the end of the schedule; must be below the peak. The default is in proportion to the whole batch.")
  @Range(min = 0)
  Double getMinLearningRate();

  void setMinLearningRate(Double minLearningRate);

  @Description(
      "Decay of the weights per step, times the learning rate. Vectors, biases, [CLS], positions and the codebook do not "
          + "decay.")
  @Range(min = 0)
  Double getWeightDecay();

  void setWeightDecay(Double weightDecay);

  @Description("Largest norm of the whole gradient; a larger one is clipped. 0: no clipping.")
  @Range(min = 0)
  Double getClipNorm();

  void setClipNorm(Double clipNorm);

  @Description("Decay of Adam's average of gradients.")
  @Range(min = 0, max = 0.99999)
  Double getAdamBeta1();

  void setAdamBeta1(Double adamBeta1);

  @Description("Decay of Adam's average of squared gradients.")
  @Range(min = 0, max = 0.99999)
  Double getAdamBeta2();

  void setAdamBeta2(Double adamBeta2);

  @Description("Added to the denominator of Adam's update.")
  @Range(min = 0)
  Double getAdamEps();

  void setAdamEps(Double adamEps);

  @Description(
      "Steps in which the learning rate rises from 0, at most half of all steps; instead of --warmupEpochs.")
  @InsteadOf("warmupEpochs")
  @Range(min = 0)
  Long getWarmupSteps();

  void setWarmupSteps(Long warmupSteps);

  @Description(
      "The warm-up in passes over the images; instead of --warmupSteps. Left out: that of the preset.")
  @InsteadOf("warmupSteps")
  @Range(min = 0)
  Double getWarmupEpochs();

  void setWarmupEpochs(Double warmupEpochs);

  @Description(
      "Steps between checkpoints; the last step always ends with one. Several workers average at each checkpoint. "
          + "Instead of --localSteps.")
  @InsteadOf("localSteps")
  @Range(min = 1)
  Long getCheckpointEvery();

  void setCheckpointEvery(Long checkpointEvery);

  @Description(
      "Workers, each on its own device. Several workers train by local SGD, which is not the official data parallelism: "
          + "each takes --localSteps steps of --batchSize on its own part of the images, then their parameters are "
          + "averaged, not their gradients at every step. On a cluster each needs a slot. The number may change when a run is continued.")
  @Default.Integer(1)
  @Range(min = 1, max = 4096)
  int getWorkers();

  void setWorkers(int workers);

  @Description(
      "Steps of each worker in a round, at whose end the workers average and a checkpoint is written; instead of "
          + "--checkpointEvery, which means the same. Left out: --checkpointEvery.")
  @InsteadOf("checkpointEvery")
  @Range(min = 1)
  Long getLocalSteps();

  void setLocalSteps(Long localSteps);

  @Description(
      "Rounds that are submitted as one job; jobs follow each other until all steps are done.")
  @Default.Integer(10)
  @Range(min = 1, max = 1000)
  int getRoundsPerJob();

  void setRoundsPerJob(int roundsPerJob);

  @Description(
      "Learning rate of the outer optimizer, which applies the workers' average at the end of a round: 1 takes the "
          + "average itself. DiLoCo uses 0.7.")
  @Default.Double(1)
  @Range(min = 0, max = 10)
  double getOuterLearningRate();

  void setOuterLearningRate(double outerLearningRate);

  @Description(
      "Nesterov momentum of the outer optimizer, from round to round; 0 means none. DiLoCo uses 0.9.")
  @Default.Double(0)
  @Range(min = 0, max = 0.9999)
  double getOuterMomentum();

  void setOuterMomentum(double outerMomentum);

  @Description(
      "Images that go through the network at once; a batch is as many micro-batches as it needs (gradient "
          + "accumulation). Memory is that of one micro-batch, the result is the same up to rounding. Instead of "
          + "--accumulate.")
  @InsteadOf("accumulate")
  @Range(min = 1, max = 65536)
  Integer getMicroBatch();

  void setMicroBatch(Integer microBatch);

  @Description(
      "Micro-batches that a batch is split into; instead of --microBatch. Left out: what --microBatch says.")
  @InsteadOf("microBatch")
  @Range(min = 1, max = 65536)
  Integer getAccumulate();

  void setAccumulate(Integer accumulate);

  @Description(
      "Recomputes transformer blocks in the backward pass instead of storing their activations (activation "
          + "checkpointing): the same numbers with less memory and more time. Measured with base, a batch of 8 and fp32: "
          + "0.35 of the peak memory, 0.9 of the speed.")
  @Default.Boolean(false)
  boolean getRecompute();

  void setRecompute(boolean recompute);

  @Description(
      "Where the network runs. auto: a GPU if the worker has one, otherwise the processor.")
  @Default.Enum("AUTO")
  DeviceChoice getDevice();

  void setDevice(DeviceChoice device);

  @Description(
      "Threads of each tensor operation of a worker. Left out: as many as its JVM has processors, divided evenly among "
          + "workers that run inside this process.")
  @Range(min = 1, max = 1024)
  Integer getThreads();

  void setThreads(Integer threads);

  @Description(
      "File to which Beam's metrics are written as JSON after each job: those of all jobs of this start. Left out: none.")
  String getMetricsFile();

  void setMetricsFile(String metricsFile);

  @Description(
      "Seed of everything that is random: initial values, the order of the images, their views.")
  @Default.Long(0)
  long getSeed();

  void setSeed(long seed);
}
