package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.Kernels;
import java.util.List;

/** Soft targets of a classifier. */
final class Targets {
  private static final int NUMBERS_OF_A_MIX = 6;

  private Targets() {}

  /**
   * Label smoothing (arXiv 1512.00567): {@code smoothing / classes} for every class, and the rest
   * of 1 for the label.
   *
   * @return [B, classes]
   */
  static NDArray of(
      Kernels kernels, NDManager manager, long[] labels, int classes, double smoothing) {
    return kernels.call(
        manager,
        "soft_targets",
        manager.create(labels),
        kernels.number(classes),
        kernels.number(smoothing));
  }

  /**
   * Mixes each image and its target with its neighbour's: 0 with 1, 2 with 3 and so on.
   *
   * @param images [B, 3, S, S], B even
   * @param targets [B, classes]
   * @param mixes one of each image
   * @return images and targets
   */
  static NDList mix(
      Kernels kernels, NDManager manager, NDArray images, NDArray targets, List<Mix> mixes) {
    float[] numbers = new float[NUMBERS_OF_A_MIX * mixes.size()];
    int at = 0;
    for (Mix mix : mixes) {
      numbers[at++] = (float) mix.weight();
      numbers[at++] = mix.top();
      numbers[at++] = mix.bottom();
      numbers[at++] = mix.left();
      numbers[at++] = mix.right();
      numbers[at++] = (float) mix.labelWeight();
    }
    NDArray drawn = manager.create(numbers, new Shape(mixes.size(), NUMBERS_OF_A_MIX));
    return kernels.callForAll(manager, "mix", new NDArray[] {images, targets, drawn});
  }
}
