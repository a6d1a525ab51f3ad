package dev.beit2.pipelines.eval;

import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.PrecisionOptions;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** Options of the measures of a backbone's features. */
public interface MeasureOptions extends ImageSourceOptions, PrecisionOptions {
  @Description(
      "The backbone: a run of ./beit2 pretrain, one of its checkpoints, or a file: model.safetensors, or a .pth of the "
          + "official code, pretrained or fine-tuned. Left out: only if the images are given as folders of "
          + "extract-features.")
  @Location(Location.Kind.INPUT)
  String getBackbone();

  void setBackbone(String backbone);

  @Description(
      "Labelled images to learn from: a folder with one subfolder per class, an archive, or several files by a glob or "
          + "braces, see --format; or a folder of extract-features.")
  @Validation.Required
  @Location(Location.Kind.INPUT)
  String getTrain();

  void setTrain(String train);

  @Description("Folder for the results.")
  @Validation.Required
  @Location(Location.Kind.OUTPUT_FOLDER)
  String getOutput();

  void setOutput(String output);
}
