package dev.beit2.pipelines.options;

import dev.beit2.pipelines.cli.OneOf;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;

/** Options of the commands that read images. */
public interface ImageSourceOptions extends DecodingOptions {
  @Description(
      "Form of the images. folder: CLASS/NAME.jpg, or any files by a glob. imagenet: ILSVRC2012_img_train.tar, or "
          + "ILSVRC2012_img_val.tar with ILSVRC2012_devkit_t12.tar.gz beside it, as downloaded. webdataset: tars of jpg, "
          + "png or webp with cls or json. parquet: image {bytes, path} and label, as Hugging Face has it. tfrecord: "
          + "image/encoded and image/class/label, or TFDS' image and label. Labels are taken as stored. auto: told by the names of "
          + "the files.")
  @Default.String("auto")
  @OneOf({"auto", "folder", "imagenet", "webdataset", "parquet", "tfrecord"})
  String getFormat();

  void setFormat(String format);
}
