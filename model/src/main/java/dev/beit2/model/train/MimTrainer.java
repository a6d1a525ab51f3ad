package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MaskedImageModel.Prediction;
import dev.beit2.model.mim.MaskedImageModel.Tokens;
import dev.beit2.model.mim.MaskedPatches;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Recomputation;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/** Pretraining by masked image modelling (paper, sections 3.2 and 3.3). */
public final class MimTrainer extends Trainer {
  private final MimConfig config;
  private final MaskedImageModel model;

  private MimTrainer(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Kernels kernels,
      StateDict state,
      Recomputation recomputation) {
    super(
        "mim",
        config,
        kernels,
        state,
        new AdamW(
            kernels,
            state,
            adamW,
            ParameterGroups.of(
                state,
                state.names(name -> !name.endsWith("relative_position_index")),
                adamW.weightDecay(),
                name -> 1)),
        schedule,
        seed,
        recomputation);
    this.config = config;
    this.model = new MaskedImageModel(config, kernels, state, recomputation);
  }

  /** A model at its starting values. */
  public static MimTrainer start(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision) {
    return start(config, adamW, schedule, seed, precision, false);
  }

  /**
   * The same.
   *
   * @param recompute whether blocks are computed a second time on the way back instead of keeping
   *     what it needs: less memory, the same numbers
   */
  public static MimTrainer start(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision,
      boolean recompute) {
    Kernels kernels = Kernels.of(precision);
    return new MimTrainer(
        config,
        adamW,
        schedule,
        seed,
        kernels,
        MaskedImageModel.initialize(config, seed),
        recompute ? new Recomputation(kernels) : null);
  }

  /** One optimizer step with the whole batch at once. */
  public Map<String, Double> step(ByteBuffer images, boolean[] masks, int[] codes, int batch) {
    return step(images, masks, codes, batch, 1);
  }

  /**
   * One optimizer step.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param masks B · N, true where masked
   * @param codes B · N, each patch's code
   * @param parts divides B: so many parts of the batch are taken one after the other, which takes
   *     the memory of one; the result is the same up to rounding
   * @return metrics by name: losses, accuracies, learning rate, gradient norm
   * @throws NonFiniteLossException if the loss or its gradient is not finite
   */
  public Map<String, Double> step(
      ByteBuffer images, boolean[] masks, int[] codes, int batch, int parts) {
    double masked = count(masks, 0, masks.length);
    Map<String, Double> metrics = new LinkedHashMap<>();
    try (NDManager manager = parameters.newManager()) {
      NDList gradients =
          gradients(
              manager,
              batch,
              parts,
              (own, part) -> {
                int patches = masks.length / batch;
                int from = part.first() * patches;
                int to = from + part.size() * patches;
                int here = count(masks, from, to);
                if (here == 0 && masked > 0) {
                  return null;
                }
                MaskedPatches patchesOf =
                    MaskedPatches.of(
                        own,
                        Arrays.copyOfRange(masks, from, to),
                        Arrays.copyOfRange(codes, from, to),
                        part.size());
                NDArray input = images(own, part.of(images), part.size());
                return loss(own, input, patchesOf, part, here / masked, metrics);
              });
      metrics.put("learning_rate", schedule.at(step()));
      metrics.put("gradient_norm", descend(manager, gradients, metrics.get("loss")));
      return metrics;
    }
  }

  private static int count(boolean[] masks, int from, int to) {
    int masked = 0;
    for (int i = from; i < to; i++) {
      masked += masks[i] ? 1 : 0;
    }
    return masked;
  }

  /** A part's loss, and its metrics, times its share of the masked patches: all are means. */
  private PartLoss loss(
      NDManager manager,
      NDArray images,
      MaskedPatches masked,
      Part part,
      double share,
      Map<String, Double> metrics) {
    NDArray input = ImageNet.normalize(kernels, manager, images);
    DropPath dropPath =
        config.backbone().dropPath() == 0
            ? DropPath.NONE
            : DropPath.random(model.dropPathRates(), seed, step(), part.first());
    Tokens tokens = model.tokens(manager, input, masked.mask(), dropPath);
    Prediction prediction = model.predict(manager, tokens, masked);
    Prediction aggregated =
        config.aggregates() ? model.predictAggregated(manager, tokens, masked) : null;
    NDArray loss =
        aggregated == null ? prediction.loss() : prediction.loss().add(aggregated.loss());
    metrics.merge("loss", share * finite(loss), Double::sum);
    add(metrics, "mim_loss", share, prediction.loss());
    add(metrics, "masked_accuracy", share, prediction.accuracy());
    if (aggregated != null) {
      add(metrics, "aggregation_loss", share, aggregated.loss());
      add(metrics, "aggregation_accuracy", share, aggregated.accuracy());
    }
    if (recomputation != null) {
      recomputation.loss(loss);
    }
    return new PartLoss(loss, share);
  }

  private static void add(Map<String, Double> metrics, String name, double share, NDArray value) {
    metrics.merge(name, share * value.getFloat(), Double::sum);
  }
}
