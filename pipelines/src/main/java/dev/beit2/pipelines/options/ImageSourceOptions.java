package dev.beit2.pipelines.options;

import dev.beit2.pipelines.cli.OneOf;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;

/** Options of the commands that read images. */
public interface ImageSourceOptions extends DecodingOptions {
  @Description(
      "Format of the images. folder: CLASS/NAME.jpg, or any files by a glob. imagenet: ILSVRC2012_img_train.tar, or "
          + "ILSVRC2012_img_val.tar with ILSVRC2012_devkit_t12.tar.gz in the same folder, as downloaded. webdataset: tar files "
          + "of jpg, png or webp with cls or json. parquet: columns image {bytes, path} and label, as on Hugging Face. "
          + "tfrecord: image/encoded and image/class/label, or TFDS' image and label. Labels are used as stored. auto: "
          + "detected from the names of the files.")
  @Default.String("auto")
  @OneOf({"auto", "folder", "imagenet", "webdataset", "parquet", "tfrecord"})
  String getFormat();

  void setFormat(String format);
}
