package dev.beit2.pipelines.options;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.pipelines.cli.Range;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/** Options of the commands that decode images. */
public interface DecodingOptions extends PipelineOptions {
  @Description(
      "Largest number of pixels of an image, width times height. A larger image is rejected before memory is allocated "
          + "for it; decoding takes up to 6 bytes per pixel.")
  @Default.Long(178_956_970)
  @Range(min = 1, max = DecodingLimits.MOST_PIXELS)
  long getMaxPixels();

  void setMaxPixels(long maxPixels);

  @Description("Largest size of an encoded image in megabytes; a larger image is rejected.")
  @Default.Integer(128)
  @Range(min = 1, max = 2047)
  int getMaxImageMegabytes();

  void setMaxImageMegabytes(int maxImageMegabytes);

  /** Converts the options to limits; a megabyte is 2^20 bytes. */
  static DecodingLimits limits(DecodingOptions options) {
    return new DecodingLimits(options.getMaxPixels(), (long) options.getMaxImageMegabytes() << 20);
  }
}
