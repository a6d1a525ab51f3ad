package dev.beit2.pipelines.tokenize;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
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

  /** The image as it is stored. Views are drawn from its pixels. */
  ImageRecord stored(ImageRecord image) throws UndecodableImageException {
    return storeSize == 0
        ? image
        : new ImageRecord(
            image.key(),
            image.label(),
            ImageEncoder.withShorterSide(image.bytes(), storeSize, limits));
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
