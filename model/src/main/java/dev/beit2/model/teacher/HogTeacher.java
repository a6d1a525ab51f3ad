package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;

/** Hand-made features; see {@link Teacher#hog}. */
final class HogTeacher implements Teacher {
  private static final int CELL = 8;

  private final Kernels kernels;
  private final int patchSize;

  HogTeacher(Kernels kernels, int patchSize) {
    if (patchSize % CELL != 0) {
      throw new IllegalArgumentException(
          "HOG needs patches of a multiple of 8 pixels, not " + patchSize);
    }
    this.kernels = kernels;
    this.patchSize = patchSize;
  }

  /** Nine orientations of each colour in each cell. */
  static int dimension(int patchSize) {
    int cells = patchSize / CELL;
    return 3 * 9 * cells * cells;
  }

  @Override
  public int dimension() {
    return dimension(patchSize);
  }

  @Override
  public NDArray features(NDManager manager, NDArray images) {
    return kernels.call(manager, "hog", images, kernels.number(patchSize));
  }

  @Override
  public void close() {}
}
