package dev.beit2.pipelines.options;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.pipelines.cli.Range;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/** What every command takes that decodes images. */
public interface DecodingOptions extends PipelineOptions {
  @Description(
      "Most pixels of an image, width times height. A larger one is rejected before memory is allocated for it; "
          + "decoding takes up to 6 bytes a pixel.")
  @Default.Long(178_956_970)
  @Range(min = 1, max = DecodingLimits.MOST_PIXELS)
  long getMaxPixels();

  void setMaxPixels(long maxPixels);

  @Description("Most megabytes of an encoded image; a larger one is rejected.")
  @Default.Integer(128)
  @Range(min = 1, max = 2047)
  int getMaxImageMegabytes();

  void setMaxImageMegabytes(int maxImageMegabytes);

  /** The limits that the options give. */
  static DecodingLimits limits(DecodingOptions options) {
    return new DecodingLimits(options.getMaxPixels(), (long) options.getMaxImageMegabytes() << 20);
  }
}
