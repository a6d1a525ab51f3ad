package dev.beit2.model.eval;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.Vit;
import dev.beit2.model.vit.VitConfig;

/**
 * A transformer with a linear classifier on the mean of its patch tokens (official {@code
 * VisionTransformer} with mean pooling): the network of fine-tuning.
 */
public final class Classifier {
  private final Kernels kernels;
  private final StateDict state;
  private final Vit vit;

  /** A classifier over existing parameters, which the caller closes. */
  public Classifier(VitConfig config, Kernels kernels, StateDict state) {
    this.kernels = kernels;
    this.state = state;
    this.vit = new Vit(config, kernels, state, "");
  }

  /** images [B, 3, S, S], normalized → input of the head, [B, D]. */
  public NDArray features(NDManager manager, NDArray images) {
    NDArray x = vit.blocks(manager, vit.embed(manager, vit.patchEmbed(manager, images)));
    NDList pooled = kernels.callForAll(manager, "pooled", new NDArray[] {x});
    return vit.norm(manager, pooled.get(1), "fc_norm");
  }

  /** features [B, D] → logits [B, classes]. */
  public NDArray logits(NDManager manager, NDArray features) {
    return kernels.call(
        manager, "linear32", features, state.get("head.weight"), state.get("head.bias"));
  }

  /**
   * Mean cross-entropy [] of logits [B, classes].
   *
   * @param labels [B] int64
   * @param smoothing of the labels, 0 to 1
   */
  public NDArray loss(NDManager manager, NDArray logits, NDArray labels, double smoothing) {
    return kernels
        .callForAll(
            manager, "cross_entropy", new NDArray[] {logits, labels, kernels.number(smoothing)})
        .get(0);
  }
}
