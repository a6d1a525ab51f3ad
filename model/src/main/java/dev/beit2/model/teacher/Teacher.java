package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;

/**
 * The teacher of a tokenizer: it computes features of each patch, which the tokenizer has to
 * predict from its codes.
 */
public interface Teacher extends AutoCloseable {
  /** Width of a feature. */
  int dimension();

  /** images [B, 3, S, S] in [0, 1] → features [B, N, {@link #dimension}]. */
  NDArray features(NDManager manager, NDArray images);

  @Override
  void close();

  /** Side of the cells of {@link #hog} in pixels. */
  int HOG_CELL = 8;

  /**
   * Width of the features of {@link #hog}.
   *
   * @param patchSize side of a patch in pixels, a multiple of 8
   */
  static int hogDimension(int patchSize) {
    return HogTeacher.dimension(patchSize);
  }

  /**
   * Histograms of oriented gradients (MaskFeat, arXiv 2112.09133): 9 unsigned orientations of each
   * 8 × 8 cell and colour. Needs no weights.
   *
   * @param patchSize a multiple of 8
   */
  static Teacher hog(Kernels kernels, int patchSize) {
    return new HogTeacher(kernels, patchSize);
  }

  /**
   * CLIP's image encoder (arXiv 2103.00020): patch tokens in the space shared with text.
   *
   * @param weights under CLIP's own names, {@code visual.…}; closed with the teacher
   * @param heads attention heads: width / 64 in CLIP's own models
   */
  static Teacher clip(Kernels kernels, StateDict weights, int heads) {
    return new ClipTeacher(kernels, weights, heads);
  }

  /**
   * DINO's vision transformer (arXiv 2104.14294): normalized patch tokens.
   *
   * @param weights under DINO's own names; closed with the teacher
   * @param heads attention heads: width / 64 in DINO's own models
   */
  static Teacher dino(Kernels kernels, StateDict weights, int heads) {
    return new DinoTeacher(kernels, weights, heads);
  }
}
