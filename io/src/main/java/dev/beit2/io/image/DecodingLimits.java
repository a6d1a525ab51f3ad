package dev.beit2.io.image;

import java.io.Serializable;
import javax.annotation.Nullable;

/**
 * The largest image that is decoded, and the limits of what becomes black and white. An image that
 * is too large is refused before memory is allocated for it, so a small file cannot claim all
 * memory.
 *
 * @param maxPixels the most pixels, width times height, at least 1 and at most {@link
 *     #MOST_PIXELS}. Decoding briefly takes 6 bytes per pixel, and 3 as long as the pixels are
 *     kept; less if a JPEG is decoded at reduced size.
 * @param maxBytes the most bytes of the encoded image, at least 1
 * @param greyRange of grey images of 16 bits; null for all values, or those of a PNG's significant
 *     bits
 */
public record DecodingLimits(long maxPixels, long maxBytes, @Nullable GreyRange greyRange)
    implements Serializable {
  private static final long serialVersionUID = 2L;

  /** The number of pixels of 3 bytes that fit into an array. */
  public static final int MOST_PIXELS = (Integer.MAX_VALUE - 8) / 3;

  /** Pillow's limit on pixels, and 128 MiB. */
  public static final DecodingLimits DEFAULT = new DecodingLimits(178_956_970, 128L << 20);

  /** Limits of sizes alone. */
  public DecodingLimits(long maxPixels, long maxBytes) {
    this(maxPixels, maxBytes, null);
  }

  public DecodingLimits {
    if (maxPixels < 1 || maxPixels > MOST_PIXELS || maxBytes < 1) {
      throw new IllegalArgumentException(
          "limits are %d pixels and %d bytes, must be at least 1, pixels at most %d"
              .formatted(maxPixels, maxBytes, MOST_PIXELS));
    }
  }

  /** The same with another range of grey images of 16 bits. */
  public DecodingLimits withGreyRange(@Nullable GreyRange range) {
    return new DecodingLimits(maxPixels, maxBytes, range);
  }
}
