package dev.beit2.pipelines;

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
}
