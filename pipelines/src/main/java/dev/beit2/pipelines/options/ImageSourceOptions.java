package dev.beit2.pipelines.options;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.GreyRange;
import dev.beit2.pipelines.cli.OneOf;
import javax.annotation.Nullable;
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

  @Description(
      "Values of grey images of 16 bits that become black and white, as MIN,MAX: 0,4095 for 12 bits; or minmax, the smallest "
          + "and the largest value of each image. Left out: as the model in use was trained; if it says nothing, all values, "
          + "or those of the significant bits that a PNG names.")
  String getGreyRange();

  void setGreyRange(String greyRange);

  /** How images are decoded where no model says how grey ones were. */
  static DecodingLimits decoding(ImageSourceOptions options) {
    return DecodingOptions.limits(options).withGreyRange(greyRange(options));
  }

  /**
   * How images are decoded for a model: grey ones as it was trained, unless the options say
   * otherwise. Then a note tells of it.
   *
   * @param stage for the note
   * @param model for the note, such as {@code --tokenizer=runs/tokenizer}
   * @param trained what the model's file says; null if it says nothing
   */
  static DecodingLimits decoding(
      ImageSourceOptions options, String stage, String model, @Nullable String trained) {
    GreyRange given = greyRange(options);
    GreyRange known = trained == null ? null : Inputs.greyRange(model, trained);
    if (given != null && !given.equals(known)) {
      Inputs.printNote(
          stage,
          "--greyRange=%s is used; %s was trained %s"
              .formatted(given, model, known == null ? "without one" : "with " + known));
    }
    return DecodingOptions.limits(options).withGreyRange(given != null ? given : known);
  }

  @Nullable
  private static GreyRange greyRange(ImageSourceOptions options) {
    return options.getGreyRange() == null
        ? null
        : Inputs.greyRange("--greyRange=" + options.getGreyRange(), options.getGreyRange());
  }
}
