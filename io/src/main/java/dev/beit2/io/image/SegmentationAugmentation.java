package dev.beit2.io.image;

import dev.beit2.io.SeededRandom;
import java.io.Serializable;
import java.util.Arrays;

/**
 * What the official segmentation does to an image and its mask: resize by a random factor, crop,
 * flip, and change colours in training; resize to a fixed size in evaluation.
 *
 * @param side of a crop in pixels, S
 */
public record SegmentationAugmentation(int side) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Longest side over the shorter one that an image is resized to: official 2048 over 512. */
  private static final int LONGEST = 4;

  private static final double SMALLEST = 0.5;
  private static final double LARGEST = 2;
  private static final int TRIES = 10;
  private static final double MOST_OF_A_CLASS = 0.75;

  /**
   * A crop, smaller than S where the image is.
   *
   * @param image of at most S x S pixels
   * @param mask of the same size
   */
  public record Sample(RgbImage image, LabelMask mask) {}

  /** Columns and rows. */
  record Size(int width, int height) {}

  /**
   * The image as the network sees it in evaluation: the shorter side is S, unless the longer one
   * would be more than 4 S.
   */
  public RgbImage forEvaluation(RgbImage image) {
    Size size = size(image.width(), image.height(), 1);
    return OpenCvImage.resize(image, size.width(), size.height());
  }

  /** The largest size of the same shape whose sides are at most S and 4 S, times a ratio. */
  Size size(int width, int height, double ratio) {
    double longer = (int) (LONGEST * side * ratio);
    double shorter = (int) (side * ratio);
    double factor = Math.min(longer / Math.max(width, height), shorter / Math.min(width, height));
    return new Size(
        Math.max(1, (int) (width * factor + 0.5)), Math.max(1, (int) (height * factor + 0.5)));
  }

  /**
   * An augmented crop: a pure function of the arguments.
   *
   * @param mask of the image's size
   * @param key the image's key
   * @param number of the view, for example the epoch
   */
  public Sample apply(RgbImage image, LabelMask mask, long seed, String key, long number) {
    SeededRandom random = SeededRandom.of(seed, "segment/" + key, number);
    Size size = size(image.width(), image.height(), random.nextDouble(SMALLEST, LARGEST));
    LabelMask labels = mask.resize(size.width(), size.height());
    LabelMask cropped = crop(labels, 0, 0);
    int left = 0;
    int top = 0;
    for (int tried = 0; tried < TRIES; tried++) {
      top = random.nextInt(Math.max(0, size.height() - side) + 1);
      left = random.nextInt(Math.max(0, size.width() - side) + 1);
      cropped = crop(labels, left, top);
      if (isMixed(cropped)) {
        break;
      }
    }
    RgbImage pixels =
        crop(
            OpenCvImage.resize(image, size.width(), size.height()),
            left,
            top,
            cropped.width(),
            cropped.height());
    if (random.nextInt(2) == 1) {
      pixels = flip(pixels);
      cropped = flip(cropped);
    }
    return new Sample(PhotometricDistortion.sample(random).apply(pixels), cropped);
  }

  /** Whether there are several classes, none of which has three quarters of the pixels. */
  static boolean isMixed(LabelMask mask) {
    int[] counts = new int[LabelMask.IGNORED + 1];
    for (byte label : mask.labels()) {
      counts[label & 0xFF]++;
    }
    counts[LabelMask.IGNORED] = 0;
    int most = Arrays.stream(counts).max().orElse(0);
    long present = Arrays.stream(counts).filter(count -> count > 0).count();
    return present > 1 && most < MOST_OF_A_CLASS * Arrays.stream(counts).sum();
  }

  private LabelMask crop(LabelMask mask, int left, int top) {
    int width = Math.min(side, mask.width());
    int height = Math.min(side, mask.height());
    byte[] labels = new byte[width * height];
    for (int y = 0; y < height; y++) {
      System.arraycopy(mask.labels(), (top + y) * mask.width() + left, labels, y * width, width);
    }
    return new LabelMask(width, height, labels);
  }

  private static RgbImage crop(RgbImage image, int left, int top, int width, int height) {
    byte[] rgb = new byte[3 * width * height];
    for (int y = 0; y < height; y++) {
      int from = 3 * ((top + y) * image.width() + left);
      System.arraycopy(image.rgb(), from, rgb, 3 * y * width, 3 * width);
    }
    return new RgbImage(width, height, rgb);
  }

  private static RgbImage flip(RgbImage image) {
    int width = image.width();
    byte[] rgb = new byte[image.rgb().length];
    for (int i = 0; i < width * image.height(); i++) {
      int mirrored = i / width * width + width - 1 - i % width;
      System.arraycopy(image.rgb(), 3 * mirrored, rgb, 3 * i, 3);
    }
    return new RgbImage(width, image.height(), rgb);
  }

  private static LabelMask flip(LabelMask mask) {
    int width = mask.width();
    byte[] labels = new byte[mask.labels().length];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = mask.labels()[i / width * width + width - 1 - i % width];
    }
    return new LabelMask(width, mask.height(), labels);
  }
}
