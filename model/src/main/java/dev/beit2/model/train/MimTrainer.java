package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MaskedImageModel.Prediction;
import dev.beit2.model.mim.MaskedImageModel.Tokens;
import dev.beit2.model.mim.MaskedPatches;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import java.nio.ByteBuffer;
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
      StateDict state) {
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
        seed);
    this.config = config;
    this.model = new MaskedImageModel(config, kernels, state);
  }

  /** A model at its starting values. */
  public static MimTrainer start(
      MimConfig config,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision) {
    return new MimTrainer(
        config,
        adamW,
        schedule,
        seed,
        Kernels.of(precision),
        MaskedImageModel.initialize(config, seed));
  }

  /**
   * One optimizer step.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param masks B · N, true where masked
   * @param codes B · N, each patch's code
   * @return metrics by name: losses, accuracies, learning rate, gradient norm
   * @throws NonFiniteLossException if the loss is not finite
   */
  public Map<String, Double> step(ByteBuffer images, boolean[] masks, int[] codes, int batch) {
    try (NDManager manager = Torch.newManager()) {
      NDArray input = ImageNet.normalize(kernels, manager, images(manager, images, batch));
      MaskedPatches masked = MaskedPatches.of(manager, masks, codes, batch);
      DropPath dropPath =
          config.backbone().dropPath() == 0
              ? DropPath.NONE
              : DropPath.random(model.dropPathRates(), seed, step());
      Tokens tokens = model.tokens(manager, input, masked.mask(), dropPath);
      Prediction prediction = model.predict(manager, tokens, masked);
      Map<String, Double> metrics = new LinkedHashMap<>();
      NDArray loss = prediction.loss();
      metrics.put("loss", (double) loss.getFloat());
      metrics.put("mim_loss", (double) loss.getFloat());
      metrics.put("masked_accuracy", (double) prediction.accuracy().getFloat());
      if (config.aggregates()) {
        Prediction aggregated = model.predictAggregated(manager, tokens, masked);
        loss = loss.add(aggregated.loss());
        metrics.put("loss", (double) loss.getFloat());
        metrics.put("aggregation_loss", (double) aggregated.loss().getFloat());
        metrics.put("aggregation_accuracy", (double) aggregated.accuracy().getFloat());
      }
      metrics.put("learning_rate", schedule.at(step()));
      metrics.put("gradient_norm", descend(manager, loss, metrics.get("loss")));
      return metrics;
    }
  }
}
