package dev.beit2.pipelines.train;

import dev.beit2.pipelines.cli.Range;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/** The size of a network that is trained from the beginning. */
public interface InputSizeOptions extends PipelineOptions {
  @Description("Width and height of the network's input in pixels; a multiple of --patchSize.")
  @Range(min = 8, max = 4096)
  Integer getInputSize();

  void setInputSize(Integer inputSize);

  @Description("Width and height of a patch in pixels.")
  @Range(min = 1, max = 512)
  Integer getPatchSize();

  void setPatchSize(Integer patchSize);
}
