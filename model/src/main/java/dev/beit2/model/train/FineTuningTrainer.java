package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * Fine-tuning of a classifier with layer-wise learning-rate decay (paper, section 4.1; official
 * {@code run_class_finetuning.py}).
 */
public final class FineTuningTrainer extends AdamWTrainer {
  private final ClassifierConfig config;
  private final Classifier classifier;

  private FineTuningTrainer(
      ClassifierConfig config,
      AdamWConfig adamW,
      double layerDecay,
      CosineSchedule schedule,
      long seed,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    super(
        "classifier",
        config,
        Classifier.layout(config),
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
                ParameterGroups.layerwise(layerDecay, config.backbone().depth()))),
        schedule,
        seed,
        checkpointing);
    this.config = config;
    this.classifier = new Classifier(config, kernels, state, checkpointing);
  }

  /**
   * A trainer of a classifier at its initial values.
   *
   * @param layerDecay factor from a layer's learning rate to that of the layer below it
   */
  public static FineTuningTrainer start(
      ClassifierConfig config,
      AdamWConfig adamW,
      double layerDecay,
      CosineSchedule schedule,
      long seed,
      Precision precision) {
    return start(config, adamW, layerDecay, schedule, seed, precision, false);
  }

  /**
   * A trainer of a classifier at its initial values.
   *
   * @param layerDecay factor from a layer's learning rate to that of the layer below it
   * @param activationCheckpointing whether blocks are recomputed in the backward pass instead of
   *     storing their activations: less memory, the same numbers
   */
  public static FineTuningTrainer start(
      ClassifierConfig config,
      AdamWConfig adamW,
      double layerDecay,
      CosineSchedule schedule,
      long seed,
      Precision precision,
      boolean activationCheckpointing) {
    Kernels kernels = Kernels.of(precision);
    return new FineTuningTrainer(
        config,
        adamW,
        layerDecay,
        schedule,
        seed,
        kernels,
        Classifier.initialize(config, seed),
        activationCheckpointing ? new ActivationCheckpointing(kernels) : null);
  }

  /**
   * Replaces initial values by those of another model's file; see {@link InitialBackbone}.
   *
   * @return its digest
   * @throws InvalidCheckpointException if the file does not fit; nothing has changed then
   */
  public String initializeFrom(ReadableByteChannel model) throws IOException {
    Sha256Channel in = new Sha256Channel(model);
    try (Safetensors file =
            Safetensors.readSome(in, header -> InitialBackbone.of(config, header).taken());
        StateDict values = InitialBackbone.values(config, file.tensors())) {
      parameters.assignAll(kernels, values);
    }
    return in.digest();
  }

  /** One optimizer step on a batch that fits on the device as a whole. */
  public Map<String, Double> step(ByteBuffer images, float[] targets, int batch) {
    accumulate(images, targets, batch, 1);
    return update();
  }

  /**
   * Forward and backward pass on a micro-batch of the current step.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param targets B · classes, each row adds up to 1
   * @param size images of the micro-batch, B
   * @param fraction of the batch's images that are in this micro-batch, 0 to 1
   * @throws NonFiniteLossException if the loss is not finite; the step is abandoned then
   */
  public void accumulate(ByteBuffer images, float[] targets, int size, double fraction) {
    accumulate(
        size,
        fraction,
        manager ->
            loss(
                manager,
                input(manager, images, size),
                manager.create(targets, new Shape(size, config.classes())),
                fraction));
  }

  /**
   * Forward and backward pass on a micro-batch of the current step, with label smoothing, mixup and
   * cutmix.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param labels B class numbers
   * @param smoothing part of each target that all classes share, 0 to 1
   * @param mixes how each image is mixed with its neighbour: 0 with 1, 2 with 3 and so on; B is
   *     even then. Empty if images are not mixed
   * @param size images of the micro-batch, B
   * @param fraction of the batch's images that are in this micro-batch, 0 to 1
   * @throws NonFiniteLossException if the loss is not finite; the step is abandoned then
   */
  public void accumulate(
      ByteBuffer images,
      long[] labels,
      double smoothing,
      List<Mix> mixes,
      int size,
      double fraction) {
    accumulate(
        size,
        fraction,
        manager -> {
          NDArray input = input(manager, images, size);
          NDArray targets = Targets.of(kernels, manager, labels, config.classes(), smoothing);
          if (mixes.isEmpty()) {
            return loss(manager, input, targets, fraction);
          }
          NDList mixed = Targets.mix(kernels, manager, input, targets, mixes);
          return loss(manager, mixed.get(0), mixed.get(1), fraction);
        });
  }

  private NDArray input(NDManager manager, ByteBuffer images, int size) {
    return ImageNet.normalize(kernels, manager, images(manager, images, size));
  }

  private NDArray loss(NDManager manager, NDArray input, NDArray targets, double fraction) {
    DropPath dropPath =
        config.backbone().dropPath() == 0
            ? DropPath.NONE
            : DropPath.random(classifier.dropPathRates(), seed, step(), imagesBefore());
    NDArray features = classifier.features(manager, input, dropPath);
    NDArray loss = classifier.loss(manager, classifier.logits(manager, features), targets);
    addMetric("loss", fraction * finite(loss));
    if (checkpointing != null) {
      checkpointing.loss(loss);
    }
    return loss;
  }
}
