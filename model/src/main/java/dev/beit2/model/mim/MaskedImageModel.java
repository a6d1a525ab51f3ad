package dev.beit2.model.mim;

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
import dev.beit2.model.vit.VitConfig;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * Masked image modelling with patch aggregation (paper, sections 3.2 and 3.3; official {@code
 * VisionTransformerForMaskedImageModelingCLS}): the codes of masked patches are predicted from the
 * last layer, and again by a few blocks that see only [CLS] of the last layer and the patch tokens
 * of an early one. So [CLS] has to aggregate what the image shows.
 */
public final class MaskedImageModel {
  private final MimConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final Vit vit;

  /** A model over existing parameters, which the caller closes. */
  public MaskedImageModel(MimConfig config, Kernels kernels, StateDict state) {
    this(config, kernels, state, null);
  }

  /**
   * A model over existing parameters, which the caller closes.
   *
   * @param checkpointing of the blocks; null stores all activations for the backward pass
   */
  public MaskedImageModel(
      MimConfig config,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.vit = new Vit(config.backbone(), kernels, state, "", checkpointing);
  }

  /** Initial values under official names; the caller closes them. */
  public static StateDict initialize(MimConfig config, long seed) {
    StateDict state = new StateDict();
    initialize(config, new Initialization(state, seed, 1));
    return state;
  }

  /** The tensors of the model's file. */
  public static Layout layout(MimConfig config) {
    return Initialization.layout(init -> initialize(config, init));
  }

  private static void initialize(MimConfig config, Initialization init) {
    VitConfig backbone = config.backbone();
    init.normal("mask_token", 1, 1, backbone.dim());
    Vit.initialize(backbone, init, "", true);
    init.layerNorm("norm", backbone.dim());
    init.linear("lm_head", config.vocabulary(), backbone.dim());
    for (int i = 0; i < config.headLayers(); i++) {
      Vit.initializeBlock(
          backbone, init, "cls_pt_layers." + i, config.earlyLayers() + i + 1, false);
    }
    if (!config.sharedHead()) {
      init.layerNorm("cls_pt_norm", backbone.dim());
      init.linear("cls_pt_lm_head", config.vocabulary(), backbone.dim());
    }
  }

  /** Rates of stochastic depth by block, growing linearly with depth. */
  public Map<String, Double> dropPathRates() {
    Map<String, Double> rates = vit.dropPathRates();
    double last = config.backbone().dropPath();
    int depth = config.backbone().depth();
    int longest = Math.max(depth, config.earlyLayers() + config.headLayers());
    for (int i = 0; i < config.headLayers(); i++) {
      rates.put("cls_pt_layers." + i, last * (config.earlyLayers() + i) / (longest - 1));
    }
    return rates;
  }

  /**
   * The prediction of one head for the masked patches.
   *
   * @param logits [M, V]
   * @param loss [] mean cross-entropy
   * @param accuracy [] fraction of the codes that are predicted right, 0 to 1
   */
  public record Prediction(NDArray logits, NDArray loss, NDArray accuracy) {}

  /**
   * The result of a forward pass.
   *
   * @param loss [] sum of the losses of both predictions
   * @param mim prediction from the last layer
   * @param aggregation prediction of the patch aggregation blocks; null without aggregation
   * @param tokens [B, 1 + N, D] of the last layer, normalized
   */
  public record Output(
      NDArray loss, Prediction mim, @Nullable Prediction aggregation, NDArray tokens) {}

  /**
   * Computes the losses of a batch.
   *
   * @param images [B, 3, S, S], normalized with ImageNet's mean and standard deviation
   * @param masked the masked patches and their codes
   */
  public Output forward(
      NDManager manager, NDArray images, MaskedPatches masked, DropPath dropPath) {
    NDArray mask = masked.mask();
    NDArray x = vit.embed(manager, vit.patchEmbed(manager, images), mask, state.get("mask_token"));
    NDArray bias = vit.sharedBias(manager);
    NDArray early = null;
    for (int i = 0; i < config.backbone().depth(); i++) {
      x = vit.block(manager, x, bias, "blocks." + i, dropPath);
      if (i + 1 == config.earlyLayers()) {
        early = x;
      }
    }
    NDArray last = vit.norm(manager, x, "norm");
    if (!config.aggregates()) {
      Prediction mim = predict(manager, last, masked, "lm_head");
      return new Output(mim.loss(), mim, null, last);
    }
    NDArray y = kernels.call(manager, "aggregate", x, early);
    for (int i = 0; i < config.headLayers(); i++) {
      y = vit.block(manager, y, bias, "cls_pt_layers." + i, dropPath);
    }
    NDArray aggregated = vit.norm(manager, y, config.sharedHead() ? "norm" : "cls_pt_norm");
    Prediction mim = predict(manager, last, masked, "lm_head");
    Prediction aggregation =
        predict(manager, aggregated, masked, config.sharedHead() ? "lm_head" : "cls_pt_lm_head");
    return new Output(mim.loss().add(aggregation.loss()), mim, aggregation, last);
  }

  private Prediction predict(NDManager manager, NDArray tokens, MaskedPatches masked, String head) {
    NDArray logits =
        kernels.call(
            manager,
            "logits",
            tokens,
            masked.rows(),
            state.get(head + ".weight"),
            state.get(head + ".bias"));
    NDList loss =
        kernels.callForAll(
            manager, "cross_entropy", new NDArray[] {logits, masked.labels(), kernels.number(0)});
    return new Prediction(logits, loss.get(0), loss.get(1));
  }
}
