package dev.beit2.io.image;

import org.apache.beam.sdk.coders.Coder;

/**
 * One augmented view of an image: everything that is needed to render the same pixels again ({@link
 * EncodedImage#render}). In the order of rendering: colour jitter on the whole image, crop, resize,
 * flip.
 *
 * @param left the crop box's first column, in pixels of the image
 * @param top the crop box's first row
 * @param width the crop box's columns, at least 1
 * @param height the crop box's rows, at least 1
 * @param flip whether left and right are exchanged after the crop
 * @param brightness factor, 1 changes nothing, at least 0
 * @param contrast factor, 1 changes nothing, at least 0
 * @param saturation factor, 1 changes nothing, at least 0
 * @param jitterOrder which of the {@value #JITTER_ORDERS} orders of (b)rightness, (c)ontrast and
 *     (s)aturation: bcs, bsc, cbs, csb, sbc, scb
 */
public record View(
    int left,
    int top,
    int width,
    int height,
    boolean flip,
    float brightness,
    float contrast,
    float saturation,
    byte jitterOrder) {
  public static final Coder<View> CODER = new ViewCoder();

  /** The number of orders of the three jitter steps. */
  public static final int JITTER_ORDERS = 6;

  public View {
    if (left < 0 || top < 0 || width < 1 || height < 1) {
      throw new IllegalArgumentException(
          String.format("no crop box: %d+%d,%d+%d", left, width, top, height));
    }
    if (!(brightness >= 0 && contrast >= 0 && saturation >= 0)) {
      throw new IllegalArgumentException(
          String.format("negative jitter: %s, %s, %s", brightness, contrast, saturation));
    }
    if (jitterOrder < 0 || jitterOrder >= JITTER_ORDERS) {
      throw new IllegalArgumentException("no jitter order: " + jitterOrder);
    }
  }

  /** A crop box alone: no flip, no jitter. */
  static View ofBox(int left, int top, int width, int height) {
    return new View(left, top, width, height, false, 1, 1, 1, (byte) 0);
  }

  /**
   * A centred square whose side is this fraction of the shorter side, for example 224/256. It is
   * about the box of "resize the shorter side to 256, crop 224 in the centre", which {@link
   * EncodedImage#renderForEvaluation} takes exactly.
   *
   * @param fraction in (0, 1]
   */
  public static View center(int width, int height, double fraction) {
    if (!(fraction > 0 && fraction <= 1)) {
      throw new IllegalArgumentException("fraction is " + fraction + ", must be in (0, 1]");
    }
    int side = Math.max(1, (int) Math.rint(fraction * Math.min(width, height)));
    return ofBox((width - side) / 2, (height - side) / 2, side, side);
  }
}
