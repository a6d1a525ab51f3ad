package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MaskedImageModel.Output;
import dev.beit2.model.mim.MaskedPatches;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.annotation.Nullable;

/** Pretraining by masked image modelling (paper, sections 3.2 and 3.3). */
public final class MimTrainer extends AdamWTrainer {
  private final MimConfig config;
  private final MaskedImageModel model;

  private MimTrainer(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
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
        checkpointing);
    this.config = config;
    this.model = new MaskedImageModel(config, kernels, state, checkpointing);
  }

  /** A trainer of a model at its initial values. */
  public static MimTrainer start(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision) {
    return start(config, adamW, schedule, seed, precision, false);
  }

  /**
   * A trainer of a model at its initial values.
   *
   * @param activationCheckpointing whether blocks are recomputed in the backward pass instead of
   *     storing their activations: less memory, the same numbers
   */
  public static MimTrainer start(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision,
      boolean activationCheckpointing) {
    Kernels kernels = Kernels.of(precision);
    return new MimTrainer(
        config,
        adamW,
        schedule,
        seed,
        kernels,
        MaskedImageModel.initialize(config, seed),
        activationCheckpointing ? new ActivationCheckpointing(kernels) : null);
  }

  /** One optimizer step on a batch that fits on the device as a whole. */
  public Map<String, Double> step(ByteBuffer images, boolean[] masks, int[] codes, int batch) {
    return step(images, masks, codes, batch, 1);
  }

  /**
   * One optimizer step.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param masks B · N, true where masked
   * @param codes B · N, the code of each patch
   * @param microBatches that the batch is split into; a divisor of B. Memory is that of one
   *     micro-batch, the result is the same up to rounding
   * @return metrics by name: losses, accuracies, learning rate, gradient norm
   * @throws NonFiniteLossException if the loss or its gradient is not finite
   */
  public Map<String, Double> step(
      ByteBuffer images, boolean[] masks, int[] codes, int batch, int microBatches) {
    int patches = masks.length / batch;
    double masked = count(masks, 0, masks.length);
    Map<String, Double> metrics = new LinkedHashMap<>();
    try (NDManager manager = parameters.newManager()) {
      NDList gradients =
          gradients(
              manager,
              batch,
              microBatches,
              (own, microBatch) -> {
                int from = microBatch.firstImage() * patches;
                int to = from + microBatch.size() * patches;
                int maskedHere = count(masks, from, to);
                if (maskedHere == 0 && masked > 0) {
                  return null;
                }
                MaskedPatches maskedPatches =
                    MaskedPatches.of(
                        own,
                        Arrays.copyOfRange(masks, from, to),
                        Arrays.copyOfRange(codes, from, to),
                        microBatch.size());
                NDArray input = images(own, microBatch.slice(images), microBatch.size());
                return loss(own, input, maskedPatches, microBatch, maskedHere / masked, metrics);
              });
      metrics.put("learning_rate", schedule.at(step()));
      metrics.put("gradient_norm", update(manager, gradients, metrics.get("loss")));
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

  /**
   * The loss of a micro-batch. Adds its metrics to those of the batch, weighted by its fraction of
   * the masked patches, because all of them are means over masked patches.
   */
  private WeightedLoss loss(
      NDManager manager,
      NDArray images,
      MaskedPatches masked,
      MicroBatch microBatch,
      double weight,
      Map<String, Double> metrics) {
    DropPath dropPath =
        config.backbone().dropPath() == 0
            ? DropPath.NONE
            : DropPath.random(model.dropPathRates(), seed, step(), microBatch.firstImage());
    Output output =
        model.forward(manager, ImageNet.normalize(kernels, manager, images), masked, dropPath);
    metrics.merge("loss", weight * finite(output.loss()), Double::sum);
    add(metrics, "mim_loss", weight, output.mim().loss());
    add(metrics, "masked_accuracy", weight, output.mim().accuracy());
    if (output.aggregation() != null) {
      add(metrics, "aggregation_loss", weight, output.aggregation().loss());
      add(metrics, "aggregation_accuracy", weight, output.aggregation().accuracy());
    }
    if (checkpointing != null) {
      checkpointing.loss(output.loss());
    }
    return new WeightedLoss(output.loss(), weight);
  }

  private static void add(Map<String, Double> metrics, String name, double weight, NDArray value) {
    metrics.merge(name, weight * value.getFloat(), Double::sum);
  }
}
