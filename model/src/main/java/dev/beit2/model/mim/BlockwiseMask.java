package dev.beit2.model.mim;

import java.io.Serializable;
import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * Block-wise masking (BEiT, arXiv 2106.08254, algorithm 1; official {@code masking_generator.py}):
 * rectangles of random size and aspect are masked until exactly {@code masked} patches are.
 *
 * @param grid patches along a side
 * @param masked patches to mask
 * @param minPatches smallest area a rectangle is drawn with
 * @param maxPatches largest area a rectangle is drawn with
 * @param minAspect smallest aspect ratio; the largest is its inverse
 */
public record BlockwiseMask(int grid, int masked, int minPatches, int maxPatches, double minAspect)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final int ATTEMPTS = 10;

  /**
   * Checks that at least one patch is masked and one is left, and that there are rectangles.
   *
   * @throws IllegalArgumentException if not
   */
  public BlockwiseMask {
    if (masked < 1 || masked >= grid * grid) {
      throw new IllegalArgumentException(
          "cannot mask "
              + masked
              + " of "
              + grid * grid
              + " patches; wanted at least 1 and at least 1 left");
    }
    if (minPatches < 1 || maxPatches < minPatches) {
      throw new IllegalArgumentException(
          "no block has at least %d and at most %d patches".formatted(minPatches, maxPatches));
    }
  }

  /** A mask [N], row by row; true is masked, exactly {@code masked} times. */
  public boolean[] sample(RandomGenerator random) {
    boolean[] mask = new boolean[grid * grid];
    int count = 0;
    while (count < masked) {
      int added = addRectangle(mask, Math.min(masked - count, maxPatches), random);
      if (added == 0) {
        break;
      }
      count += added;
    }
    // A rectangle never masks more patches than are left, so only single patches can be missing.
    while (count < masked) {
      int patch = random.nextInt(mask.length);
      if (!mask[patch]) {
        mask[patch] = true;
        count++;
      }
    }
    return mask;
  }

  private int addRectangle(boolean[] mask, int most, RandomGenerator random) {
    double logAspect = -Math.log(minAspect);
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      // The smallest area may be larger than the number of patches left. The range is then
      // reversed, as with Python's random.uniform.
      double area = minPatches + (most - minPatches) * random.nextDouble();
      double aspect = Math.exp(logAspect * (2 * random.nextDouble() - 1));
      int height = (int) Math.rint(Math.sqrt(area * aspect));
      int width = (int) Math.rint(Math.sqrt(area / aspect));
      if (height >= grid || width >= grid) {
        continue;
      }
      int top = random.nextInt(grid - height + 1);
      int left = random.nextInt(grid - width + 1);
      int free = count(mask, top, left, height, width);
      if (free > 0 && free <= most) {
        for (int y = top; y < top + height; y++) {
          Arrays.fill(mask, y * grid + left, y * grid + left + width, true);
        }
        return free;
      }
    }
    return 0;
  }

  private int count(boolean[] mask, int top, int left, int height, int width) {
    int free = 0;
    for (int y = top; y < top + height; y++) {
      for (int x = left; x < left + width; x++) {
        free += mask[y * grid + x] ? 0 : 1;
      }
    }
    return free;
  }
}
