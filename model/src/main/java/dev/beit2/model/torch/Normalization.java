package dev.beit2.model.torch;

import java.io.Serializable;
import java.util.Arrays;

/**
 * What a network expects of its input images.
 *
 * @param mean of red, green and blue, which is subtracted
 * @param std of red, green and blue, by which is divided
 * @param size width and height in pixels
 */
public record Normalization(float[] mean, float[] std, int size) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Copies the arrays. */
  public Normalization {
    mean = mean.clone();
    std = std.clone();
  }

  @Override
  public float[] mean() {
    return mean.clone();
  }

  @Override
  public float[] std() {
    return std.clone();
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof Normalization that
        && Arrays.equals(mean, that.mean)
        && Arrays.equals(std, that.std)
        && size == that.size;
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(mean) + 31 * (Arrays.hashCode(std) + 31 * size);
  }

  @Override
  public String toString() {
    return "mean %s, std %s, %d pixels"
        .formatted(Arrays.toString(mean), Arrays.toString(std), size);
  }
}
