package dev.beit2.model.eval;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.Initialization;
import dev.beit2.model.vit.Vit;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * A transformer with a linear classifier (official {@code VisionTransformer} of {@code
 * modeling_finetune.py}): the network of fine-tuning.
 */
public final class Classifier {
  /** The head starts close to zero (official {@code init_scale}). */
  private static final double HEAD_SCALE = 0.001;

  private final ClassifierConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final Vit vit;

  /** A classifier over existing parameters, which the caller closes. */
  public Classifier(ClassifierConfig config, Kernels kernels, StateDict state) {
    this(config, kernels, state, null);
  }

  /**
   * A classifier over existing parameters, which the caller closes.
   *
   * @param checkpointing of the blocks; null stores all activations for the backward pass
   */
  public Classifier(
      ClassifierConfig config,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.vit = new Vit(config.backbone(), kernels, state, "", checkpointing);
  }

  /** Initial values under official names; the caller closes them. */
  public static StateDict initialize(ClassifierConfig config, long seed) {
    StateDict state = new StateDict();
    initialize(config, new Initialization(state, seed, Double.POSITIVE_INFINITY));
    return state;
  }

  /** The tensors of a checkpoint. */
  public static Layout layout(ClassifierConfig config) {
    return Initialization.layout(init -> initialize(config, init));
  }

  private static void initialize(ClassifierConfig config, Initialization init) {
    int dim = config.backbone().dim();
    Vit.initialize(config.backbone(), init, "", false);
    init.layerNorm(norm(config), dim);
    init.scaledNormal("head.weight", HEAD_SCALE, config.classes(), dim);
    init.constant("head.bias", 0, config.classes());
  }

  /** The norm before the head. The official code keeps one of the two. */
  private static String norm(ClassifierConfig config) {
    return config.meanPooling() ? "fc_norm" : "norm";
  }

  /** Rates of stochastic depth by block. */
  public Map<String, Double> dropPathRates() {
    return vit.dropPathRates();
  }

  /** images [B, 3, S, S], normalized → input of the head, [B, D]. */
  public NDArray features(NDManager manager, NDArray images) {
    return features(manager, images, DropPath.NONE);
  }

  /**
   * images [B, 3, S, S], normalized → input of the head, [B, D].
   *
   * @param dropPath decides which samples skip a block
   */
  public NDArray features(NDManager manager, NDArray images, DropPath dropPath) {
    NDArray tokens = vit.embed(manager, vit.patchEmbed(manager, images));
    NDArray x = vit.blocks(manager, tokens, dropPath);
    NDList pooled = kernels.callForAll(manager, "pooled", new NDArray[] {x});
    // [CLS] may be normalized alone: a layer norm treats each token by itself.
    return vit.norm(manager, pooled.get(config.meanPooling() ? 1 : 0), norm(config));
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

  /**
   * Mean cross-entropy [] of logits [B, classes] with soft targets, as mixup and label smoothing
   * make them.
   *
   * @param targets [B, classes], each row adds up to 1
   */
  public NDArray loss(NDManager manager, NDArray logits, NDArray targets) {
    return kernels.call(manager, "soft_cross_entropy", logits, targets);
  }
}
