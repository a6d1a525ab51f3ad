package dev.beit2.pipelines.eval;

import dev.beit2.io.image.source.ImageSource;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;

/** Images that an option names. */
record ImageSet(String option, ImageSource source, ImageSource.Summary summary) {
  /**
   * @param option with its dashes
   */
  static ImageSet of(String option, String path, ImageSourceOptions options) {
    ImageSource source = Inputs.source(option, path, options);
    return new ImageSet(option, source, Inputs.summary(option, source));
  }

  /**
   * The same, if they have labels.
   *
   * @throws InvalidOptionException if they are known to have none
   */
  ImageSet labelled() {
    if (summary.unlabelled() != null) {
      throw new InvalidOptionException(given(), summary.unlabelled(), "labelled images");
    }
    return this;
  }

  /** The option as it was given. */
  String given() {
    return option + "=" + source.path();
  }
}
