package dev.beit2.model.segment;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * How often pixels of each class were taken for each class, and the measures that follow
 * (mmsegmentation's {@code eval_metrics}). Pixels that are {@link SegmenterConfig#IGNORED} do not
 * count.
 */
public final class Confusion {
  private final long[][] pixels;

  /** No pixels yet. */
  public Confusion(int classes) {
    this.pixels = new long[classes][classes];
  }

  /**
   * Adds the pixels of an image.
   *
   * @param labels a class or {@link SegmenterConfig#IGNORED} of each pixel
   * @param found the predicted class of each pixel
   */
  public void add(byte[] labels, byte[] found) {
    if (labels.length != found.length) {
      throw new IllegalArgumentException(found.length + " predictions of " + labels.length);
    }
    for (int i = 0; i < labels.length; i++) {
      int label = labels[i] & 0xFF;
      if (label != SegmenterConfig.IGNORED) {
        pixels[label][found[i] & 0xFF]++;
      }
    }
  }

  /** Classes, each with a row. */
  public int classes() {
    return pixels.length;
  }

  /** Pixels of a class. */
  public long pixels(int label) {
    return Arrays.stream(pixels[label]).sum();
  }

  private long found(int label) {
    return Arrays.stream(pixels).mapToLong(row -> row[label]).sum();
  }

  private long allPixels() {
    return IntStream.range(0, classes()).mapToLong(this::pixels).sum();
  }

  /**
   * Pixels that have a class and were found in it, over those that have it or were found in it; NaN
   * if there is none.
   */
  public double iou(int label) {
    long right = pixels[label][label];
    return (double) right / (pixels(label) + found(label) - right);
  }

  /** The fraction of a class's pixels that were found; NaN if it has none. */
  public double accuracy(int label) {
    return (double) pixels[label][label] / pixels(label);
  }

  /** Mean of the {@link #iou} of the classes that have one (mIoU). */
  public double meanIou() {
    return mean(IntStream.range(0, classes()).mapToDouble(this::iou).toArray());
  }

  /** Mean of the {@link #accuracy} of the classes that have pixels (mAcc). */
  public double meanAccuracy() {
    return mean(IntStream.range(0, classes()).mapToDouble(this::accuracy).toArray());
  }

  /** Fraction of all pixels whose class was found (aAcc); NaN if there are none. */
  public double accuracy() {
    long right = IntStream.range(0, classes()).mapToLong(label -> pixels[label][label]).sum();
    return (double) right / allPixels();
  }

  private static double mean(double[] values) {
    return Arrays.stream(values).filter(value -> !Double.isNaN(value)).average().orElse(Double.NaN);
  }
}
