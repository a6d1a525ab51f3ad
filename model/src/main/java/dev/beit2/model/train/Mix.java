package dev.beit2.model.train;

/**
 * How an image is mixed with its neighbour in the batch: by mixup (arXiv 1710.09412) or cutmix
 * (arXiv 1905.04899), as timm's {@code Mixup} does it.
 *
 * @param weight of the image's own pixels outside of the box, 0 to 1; the neighbour's have the rest
 * @param top first row of the box in which all pixels are the neighbour's
 * @param bottom one more than its last row
 * @param left its first column
 * @param right one more than its last column
 * @param labelWeight weight of the image's own label, 0 to 1; the neighbour's has the rest
 */
public record Mix(double weight, int top, int bottom, int left, int right, double labelWeight) {

  /** Two images that shine through each other. */
  public static Mix mixup(double weight) {
    return new Mix(weight, 0, 0, 0, 0, weight);
  }

  /**
   * A box of the neighbour in the image. What of the box is outside of the image is cut off, so the
   * image may keep more than {@code weight} of its pixels; the label's weight is what it keeps.
   *
   * @param weight of the image if the whole box is in it, 0 to 1
   * @param side of the image in pixels
   * @param row of the box's centre, in [0, side)
   * @param column of the box's centre, in [0, side)
   */
  public static Mix cutmix(double weight, int side, int row, int column) {
    int half = (int) (side * Math.sqrt(1 - weight)) / 2;
    int top = Math.max(0, row - half);
    int bottom = Math.min(side, row + half);
    int left = Math.max(0, column - half);
    int right = Math.min(side, column + half);
    double box = (double) (bottom - top) * (right - left);
    return new Mix(1, top, bottom, left, right, 1 - box / ((double) side * side));
  }
}
