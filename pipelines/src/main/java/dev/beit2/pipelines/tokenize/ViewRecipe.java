package dev.beit2.pipelines.tokenize;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.ImageEncoder;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.model.recipe.PretrainingRecipe;
import java.io.Serializable;

/**
 * What is stored of an image, and which views it has: functions of (seed, key, view number).
 *
 * @param colorJitter how much brightness, contrast and saturation of views vary; 0 to 1
 * @param centerView whether view 0 is the crop of evaluation; the others are the same either way
 * @param storeSize the longest that the shorter side of a stored image is, in pixels; 0 = any
 * @param limits of what is decoded
 */
public record ViewRecipe(
    double colorJitter, boolean centerView, int storeSize, DecodingLimits limits)
    implements Serializable {
  /** Of "resize the shorter side to 256, crop 224 in the centre". */
  private static final double EVALUATION_SHARE = 224.0 / 256;

  /** The image as it is stored; views are of its pixels. */
  ImageRecord stored(ImageRecord image) throws UndecodableImageException {
    return storeSize == 0
        ? image
        : new ImageRecord(
            image.key(),
            image.label(),
            ImageEncoder.withShorterSide(image.bytes(), storeSize, limits));
  }

  /**
   * @param width of the stored image, in pixels
   * @param height of the stored image, in pixels
   */
  public View view(long seed, String key, int number, int width, int height) {
    return centerView && number == 0
        ? View.center(width, height, EVALUATION_SHARE)
        : Augmentation.randomResizedCrop(PretrainingRecipe.MIN_CROP_SCALE)
            .withJitter(colorJitter)
            .sample(seed, key, number, width, height);
  }
}
