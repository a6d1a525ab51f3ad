package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.ImageNet;
import java.nio.ByteBuffer;
import java.util.Map;

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
      StateDict state) {
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
        null);
    this.config = config;
    this.classifier = new Classifier(config, kernels, state);
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
    Kernels kernels = Kernels.of(precision);
    return new FineTuningTrainer(
        config, adamW, layerDecay, schedule, seed, kernels, Classifier.initialize(config, seed));
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
        manager -> {
          NDArray input = ImageNet.normalize(kernels, manager, images(manager, images, size));
          NDArray logits = classifier.logits(manager, classifier.features(manager, input));
          NDArray wanted = manager.create(targets, new Shape(size, config.classes()));
          NDArray loss = classifier.loss(manager, logits, wanted);
          addMetric("loss", fraction * finite(loss));
          return loss;
        });
  }
}
