package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * A trainer with AdamW and a cosine schedule. The result of a step depends only on the parameters,
 * the optimizer's moments, the batch, the seed and the step's number, so a restored trainer
 * continues bit for bit.
 */
public abstract class AdamWTrainer implements Trainer {
  private final ModelMetadata metadata;
  final Kernels kernels;
  final StateDict parameters;
  final AdamW optimizer;
  final CosineSchedule schedule;
  final long seed;
  @Nullable final ActivationCheckpointing checkpointing;

  /**
   * @param checkpointing of the network's blocks; null stores all activations for the backward pass
   */
  AdamWTrainer(
      String kind,
      Record config,
      Kernels kernels,
      StateDict parameters,
      AdamW optimizer,
      CosineSchedule schedule,
      long seed,
      @Nullable ActivationCheckpointing checkpointing) {
    this.metadata = ModelMetadata.of(kind, config);
    this.kernels = kernels;
    this.parameters = parameters;
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.seed = seed;
    this.checkpointing = checkpointing;
  }

  @Override
  public final long step() {
    return optimizer.steps();
  }

  /**
   * A batch as a tensor [B, 3, S, S], on the CPU without a copy: the buffer must stay as it is
   * during the step.
   */
  static NDArray images(NDManager manager, ByteBuffer images, int batch) {
    long values = images.remaining() / Float.BYTES;
    int side = (int) Math.round(Math.sqrt(values / (3.0 * batch)));
    return manager.create(images, new Shape(batch, 3, side, side), DataType.FLOAT32);
  }

  /**
   * A micro-batch: one of the equal parts of a batch.
   *
   * @param number from 0
   * @param count micro-batches of the batch
   * @param batch images of the whole batch
   */
  record MicroBatch(int number, int count, int batch) {
    /** Images of the micro-batch. */
    int size() {
      return batch / count;
    }

    /** Index in the batch of its first image. */
    int firstImage() {
      return number * size();
    }

    /** Its slice of a buffer that holds equally much for every image of the batch. */
    ByteBuffer slice(ByteBuffer whole) {
      int bytes = whole.remaining() / count;
      return whole.slice(whole.position() + number * bytes, bytes).order(whole.order());
    }
  }

  /**
   * The loss of a micro-batch.
   *
   * @param loss [], with its graph
   * @param weight in the loss of the batch; the weights of all micro-batches add up to 1
   */
  record WeightedLoss(NDArray loss, double weight) {}

  /** Computes the loss of a micro-batch; null if the micro-batch has none. */
  interface Forward {
    @Nullable
    WeightedLoss of(NDManager manager, MicroBatch microBatch);
  }

  /**
   * The gradients of a batch's loss, accumulated over its micro-batches. The graph of each
   * micro-batch is freed before the next one is built.
   *
   * @throws NonFiniteLossException if the loss is not finite
   */
  final NDList gradients(NDManager manager, int batch, int microBatches, Forward forward) {
    if (microBatches < 1 || batch % microBatches != 0) {
      throw new IllegalArgumentException(
          "a batch of %d images cannot be split into %d equal micro-batches"
              .formatted(batch, microBatches));
    }
    if (microBatches == 1 && checkpointing == null) {
      return optimizer.gradients(manager, forward.of(manager, new MicroBatch(0, 1, batch)).loss);
    }
    // Sums of their own: the gradients of one micro-batch may be views of one another.
    NDList sums = optimizer.zeros(manager);
    for (int i = 0; i < microBatches; i++) {
      if (checkpointing != null) {
        checkpointing.clear();
      }
      try (NDManager own = parameters.newManager()) {
        WeightedLoss loss = forward.of(own, new MicroBatch(i, microBatches, batch));
        if (loss != null && checkpointing != null) {
          checkpointing.addGradients(own, loss.weight, optimizer.byParameter(sums));
        } else if (loss != null) {
          optimizer.addGradients(own, loss.loss.mul(loss.weight), sums);
        }
      }
    }
    return sums;
  }

  /**
   * The value of a loss [].
   *
   * @throws NonFiniteLossException if it is not finite
   */
  final double finite(NDArray loss) {
    double value = loss.getFloat();
    if (!Double.isFinite(value)) {
      throw NonFiniteLossException.ofLoss(step() + 1, value);
    }
    return value;
  }

  /**
   * Updates the parameters and returns the norm of the gradient.
   *
   * @throws NonFiniteLossException if the norm is not finite; nothing has changed then
   */
  final double update(NDManager manager, NDList gradients, double loss) {
    double norm = optimizer.step(manager, gradients, schedule.at(step()));
    if (!Double.isFinite(norm)) {
      throw NonFiniteLossException.ofGradient(step() + 1, loss, norm);
    }
    return norm;
  }

  /** A seed for what is random in the current step. */
  final long stepSeed() {
    return (seed * 0x9E3779B97F4A7C15L + step()) * 0xBF58476D1CE4E5B9L;
  }

  /** Other state that the next step depends on, by name; saved with the moments. */
  Map<String, NDArray> extraState(NDManager manager) {
    return Map.of();
  }

  /** Restores what {@link #extraState} has returned. */
  void restoreExtraState(Safetensors saved) {}

  @Override
  public final void writeModel(WritableByteChannel out) throws IOException {
    Safetensors.write(out, metadata.toMap(), parameters.tensors());
  }

  @Override
  public final void writeOptimizer(WritableByteChannel out) throws IOException {
    try (NDManager manager = parameters.newManager()) {
      Map<String, NDArray> tensors = new LinkedHashMap<>(optimizer.moments());
      tensors.putAll(extraState(manager));
      Safetensors.write(out, Map.of("step", Long.toString(step())), tensors);
    }
  }

  @Override
  public final List<SharedTensor> sharedTensors() {
    List<SharedTensor> shared = new ArrayList<>();
    parameters
        .tensors()
        .forEach(
            (name, tensor) -> {
              if (tensor.getDataType() == DataType.FLOAT32) {
                List<Long> shape = Arrays.stream(tensor.getShape().getShape()).boxed().toList();
                shared.add(new SharedTensor(name, shape, averaging(name)));
              }
            });
    return shared;
  }

  /** How several workers' copies of a float32 tensor are combined. */
  Averaging averaging(String name) {
    return Averaging.OUTER_STEP;
  }

  @Override
  public final FloatBuffer values(String name) {
    try (NDManager manager = parameters.newManager()) {
      return FloatBuffer.wrap(Torch.onCpu(manager, parameters.get(name)).toFloatArray());
    }
  }

  /**
   * Initializes what depends on the run's first batch. A first step on the same batch does the
   * same, if this was not called, with bit-identical results. Several workers need it before they
   * start.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   */
  public void initialize(ByteBuffer images, int batch) {}

  @Override
  public final void restoreModel(ReadableByteChannel model) throws IOException {
    try (Safetensors saved = Safetensors.read(model)) {
      ModelMetadata other = ModelMetadata.of(saved.metadata());
      if (!metadata.equals(other)) {
        throw new IllegalArgumentException(
            "the checkpoint is a %s %s, this run is a %s %s"
                .formatted(other.kind(), other.config(), metadata.kind(), metadata.config()));
      }
      parameters.assign(kernels, saved.tensors());
    }
  }

  @Override
  public final void restoreOptimizer(ReadableByteChannel moments) throws IOException {
    try (Safetensors saved = Safetensors.read(moments)) {
      String step = saved.metadata().get("step");
      if (step == null) {
        throw new IllegalArgumentException(
            "the optimizer's file names no step; it has " + saved.metadata().keySet());
      }
      optimizer.restore(saved.tensors(), Long.parseLong(step));
      restoreExtraState(saved);
    }
  }

  @Override
  public void close() {
    optimizer.close();
    parameters.close();
  }
}
