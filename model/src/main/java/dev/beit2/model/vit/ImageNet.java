package dev.beit2.model.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;

/** ImageNet's mean and standard deviation, with which images are normalized. */
public final class ImageNet {
  private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
  private static final float[] STD = {0.229f, 0.224f, 0.225f};

  private ImageNet() {}

  /** The mean of each channel, of images in [0, 1]. */
  public static float[] mean() {
    return MEAN.clone();
  }

  /** The standard deviation of each channel. */
  public static float[] std() {
    return STD.clone();
  }

  /**
   * images [B, 3, S, S] in [0, 1] → mean 0 and standard deviation 1 on ImageNet, channel by
   * channel.
   */
  public static NDArray normalize(Kernels kernels, NDManager manager, NDArray images) {
    return kernels.call(manager, "normalize", images, manager.create(MEAN), manager.create(STD));
  }
}
