package dev.beit2.pipelines.tokenize;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageEncoder;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import java.io.Serializable;

/**
 * What is stored of an image, and how its views are drawn. A view depends on seed, key and view
 * number alone.
 *
 * @param minCropScale smallest fraction of an image's area that a random crop keeps
 * @param colorJitter strength of the jitter of brightness, contrast and saturation, 0 to 1
 * @param centerView whether view 0 is the center crop of evaluation; other views do not depend on
 *     it
 * @param storeSize maximum length of the shorter side of a stored image, in pixels; 0 = no maximum
 * @param limits for decoding
 */
public record ViewRecipe(
    double minCropScale,
    double colorJitter,
    boolean centerView,
    int storeSize,
    DecodingLimits limits)
    implements Serializable {
  /** From "resize the shorter side to 256, crop the central 224 x 224 pixels". */
  private static final double EVALUATION_FRACTION = 224.0 / 256;

  /**
   * An image as it is stored. Views are drawn from its pixels.
   *
   * @param faint see {@link EncodedImage#isFaint}; false if it is stored as it was found, and has
   *     not been decoded
   */
  record Stored(ImageRecord image, boolean faint) {}

  /** What is stored of an image. */
  Stored stored(ImageRecord image) throws UndecodableImageException {
    if (storeSize == 0) {
      return new Stored(image, false);
    }
    EncodedImage found = EncodedImage.open(image.bytes(), limits);
    byte[] stored = ImageEncoder.withShorterSide(found, storeSize);
    return new Stored(new ImageRecord(image.key(), image.label(), stored), found.isFaint());
  }

  /**
   * Draws a view of a stored image.
   *
   * @param number of the view, from 0
   * @param width of the stored image, in pixels
   * @param height of the stored image, in pixels
   */
  public View view(long seed, String key, int number, int width, int height) {
    return centerView && number == 0
        ? View.center(width, height, EVALUATION_FRACTION)
        : Augmentation.randomResizedCrop(minCropScale)
            .withJitter(colorJitter)
            .sample(seed, key, number, width, height);
  }
}
