package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.segment.ChannelDropout;
import dev.beit2.model.segment.SegmenterConfig;
import dev.beit2.model.segment.UperNet;
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
 * Training of a segmenter with layer-wise learning-rate decay (official {@code
 * semantic_segmentation}). Batch norms see a micro-batch, which needs at least two images.
 */
public final class SegmentationTrainer extends AdamWTrainer {
  private static final float AUXILIARY_WEIGHT = 0.4f;

  private final SegmenterConfig config;
  private final double headDropout;
  private final UperNet network;

  private SegmentationTrainer(
      SegmenterConfig config,
      AdamWConfig adamW,
      double layerDecay,
      double headDropout,
      LearningRate schedule,
      long seed,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    super(
        "segmenter",
        config,
        UperNet.layout(config),
        kernels,
        state,
        new AdamW(
            kernels,
            state,
            adamW,
            ParameterGroups.of(
                state,
                state.names(UperNet::isTrained),
                adamW.weightDecay(),
                ParameterGroups.layerwise(layerDecay, config.backbone().depth()))),
        schedule,
        seed,
        checkpointing);
    this.config = config;
    this.headDropout = headDropout;
    this.network = new UperNet(config, kernels, state, checkpointing);
  }

  /**
   * A trainer of a segmenter at its initial values.
   *
   * @param layerDecay factor from a layer's learning rate to that of the layer below it
   * @param headDropout probability with which a head does not see a channel
   * @param activationCheckpointing whether blocks are recomputed in the backward pass instead of
   *     storing their activations: less memory, the same numbers
   */
  public static SegmentationTrainer start(
      SegmenterConfig config,
      AdamWConfig adamW,
      double layerDecay,
      double headDropout,
      LearningRate schedule,
      long seed,
      Precision precision,
      boolean activationCheckpointing) {
    Kernels kernels = Kernels.of(precision);
    return new SegmentationTrainer(
        config,
        adamW,
        layerDecay,
        headDropout,
        schedule,
        seed,
        kernels,
        UperNet.initialize(config, seed),
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

  /**
   * Forward and backward pass on a micro-batch of the current step. Running statistics of batch
   * norms change at once.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param labels [B, S, S]: a class or {@link SegmenterConfig#IGNORED} of each pixel, a byte each,
   *     in a direct buffer
   * @param size images of the micro-batch, B, at least 2
   * @param fraction of the batch's images that are in this micro-batch, 0 to 1
   * @throws NonFiniteLossException if the loss is not finite; the step is abandoned then
   */
  public void accumulate(ByteBuffer images, ByteBuffer labels, int size, double fraction) {
    accumulate(size, fraction, manager -> loss(manager, images, labels, size, fraction));
  }

  private NDArray loss(
      NDManager manager, ByteBuffer images, ByteBuffer labels, int size, double fraction) {
    int side = config.backbone().imageSize();
    NDArray input = ImageNet.normalize(kernels, manager, images(manager, images, size));
    NDArray wanted = manager.create(labels, new Shape(size, side, side), DataType.UINT8);
    UperNet.Mode mode =
        new UperNet.Mode(
            true,
            config.backbone().dropPath() == 0
                ? DropPath.NONE
                : DropPath.random(network.dropPathRates(), seed, step(), imagesBefore()),
            ChannelDropout.random(headDropout, seed, step(), imagesBefore()));
    List<NDArray> pyramid = network.pyramid(manager, input, mode);
    NDList decode = network.loss(manager, network.logits(manager, pyramid, mode), wanted);
    NDList auxiliary =
        network.loss(manager, network.auxiliaryLogits(manager, pyramid, mode), wanted);
    NDArray loss = decode.get(0).add(auxiliary.get(0).mul(AUXILIARY_WEIGHT));
    addMetric("loss", fraction * finite(loss));
    addMetric("decode_loss", fraction * decode.get(0).getFloat());
    addMetric("auxiliary_loss", fraction * auxiliary.get(0).getFloat());
    addMetric("pixel_accuracy", fraction * decode.get(1).getFloat());
    if (checkpointing != null) {
      checkpointing.loss(loss);
    }
    return loss;
  }

  @Override
  Averaging averaging(String name) {
    return UperNet.isStatistic(name) ? Averaging.MEAN : Averaging.OUTER_STEP;
  }

  /** One optimizer step on a batch that fits on the device as a whole. */
  public Map<String, Double> step(ByteBuffer images, ByteBuffer labels, int batch) {
    accumulate(images, labels, batch, 1);
    return update();
  }
}
