package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.Sha256Channel;
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
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
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
        MaskedImageModel.layout(config),
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

  /**
   * Replaces initial values by those of another model's file.
   *
   * @return its digest
   * @throws InvalidCheckpointException if the file does not fit; nothing has changed then
   */
  public String initializeFrom(ReadableByteChannel model) throws IOException {
    Sha256Channel in = new Sha256Channel(model);
    try (Safetensors file =
        Safetensors.readSome(in, header -> InitialValues.of(config, header).taken())) {
      parameters.assignAll(kernels, file.tensors());
    }
    return in.digest();
  }

  /** One optimizer step on a batch that fits on the device as a whole. */
  public Map<String, Double> step(ByteBuffer images, boolean[] masks, int[] codes, int batch) {
    accumulate(images, masks, codes, batch, 1);
    return update();
  }

  /**
   * Forward and backward pass on a micro-batch of the current step.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param masks B · N, true where masked
   * @param codes B · N, the code of each patch
   * @param size images of the micro-batch, B
   * @param fraction of the batch's masked patches that are in this micro-batch, 0 to 1
   * @throws NonFiniteLossException if the loss is not finite; the step is abandoned then
   */
  public void accumulate(
      ByteBuffer images, boolean[] masks, int[] codes, int size, double fraction) {
    accumulate(
        size,
        fraction,
        manager ->
            loss(
                manager,
                images(manager, images, size),
                MaskedPatches.of(manager, masks, codes, size),
                fraction));
  }

  /** All metrics are means over masked patches, so each micro-batch adds its fraction of them. */
  private NDArray loss(NDManager manager, NDArray images, MaskedPatches masked, double fraction) {
    DropPath dropPath =
        config.backbone().dropPath() == 0
            ? DropPath.NONE
            : DropPath.random(model.dropPathRates(), seed, step(), imagesBefore());
    Output output =
        model.forward(manager, ImageNet.normalize(kernels, manager, images), masked, dropPath);
    addMetric("loss", fraction * finite(output.loss()));
    addMetric("mim_loss", fraction * output.mim().loss().getFloat());
    addMetric("masked_accuracy", fraction * output.mim().accuracy().getFloat());
    if (output.aggregation() != null) {
      addMetric("aggregation_loss", fraction * output.aggregation().loss().getFloat());
      addMetric("aggregation_accuracy", fraction * output.aggregation().accuracy().getFloat());
    }
    if (checkpointing != null) {
      checkpointing.loss(output.loss());
    }
    return output.loss();
  }
}
