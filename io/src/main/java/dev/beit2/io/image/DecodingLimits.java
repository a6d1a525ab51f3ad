package dev.beit2.io.image;

import java.io.Serializable;

/**
 * How large an image may be, so that a small file cannot ask for all memory. What is over a limit
 * is refused before anything is allocated for it.
 *
 * @param maxPixels the most pixels, width times height, at least 1 and at most {@link
 *     #MOST_PIXELS}. Decoding takes 6 bytes a pixel for a moment, and 3 as long as the pixels are
 *     kept; less where a JPEG is decoded at reduced size.
 * @param maxBytes the most bytes of the encoded image, at least 1
 */
public record DecodingLimits(long maxPixels, long maxBytes) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Of 3 bytes each, as many as an array holds. */
  public static final int MOST_PIXELS = (Integer.MAX_VALUE - 8) / 3;

  /** Pillow's limit of pixels, and 128 MiB. */
  public static final DecodingLimits DEFAULT = new DecodingLimits(178_956_970, 128L << 20);

  public DecodingLimits {
    if (maxPixels < 1 || maxPixels > MOST_PIXELS || maxBytes < 1) {
      throw new IllegalArgumentException(
          "limits are %d pixels and %d bytes, must be at least 1, pixels at most %d"
              .formatted(maxPixels, maxBytes, MOST_PIXELS));
    }
  }
}
