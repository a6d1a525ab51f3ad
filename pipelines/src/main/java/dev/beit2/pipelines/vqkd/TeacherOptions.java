package dev.beit2.pipelines.vqkd;

import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.options.PrecisionOptions;
import org.apache.beam.sdk.options.Description;

/** What a TorchScript teacher expects of images. */
public interface TeacherOptions extends PrecisionOptions {
  @Description(
      "Mean of red, green and blue that a TorchScript teacher expects to be subtracted. Left out: its extra file mean.")
  String getTeacherMean();

  void setTeacherMean(String teacherMean);

  @Description(
      "Standard deviation of red, green and blue by which a TorchScript teacher expects to be divided. Left out: its extra "
          + "file std.")
  String getTeacherStd();

  void setTeacherStd(String teacherStd);

  @Description(
      "Width and height of a TorchScript teacher's input in pixels. Left out: its extra file size.")
  @Range(min = 1, max = 4096)
  Integer getTeacherSize();

  void setTeacherSize(Integer teacherSize);
}
