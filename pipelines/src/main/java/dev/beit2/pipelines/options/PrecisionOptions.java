package dev.beit2.pipelines.options;

import dev.beit2.model.torch.Precision;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/** The option of the commands that run a network. */
public interface PrecisionOptions extends PipelineOptions {
  @Description(
      "Arithmetic of matrix products and attention: fp32 is exact; bf16 is faster on processors that have it. "
          + "Parameters and losses are fp32 either way. TorchScript programs compute in their own precision.")
  @Default.Enum("FP32")
  Precision getPrecision();

  void setPrecision(Precision precision);
}
