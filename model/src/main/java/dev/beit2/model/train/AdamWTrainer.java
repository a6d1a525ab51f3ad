package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
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
 * A trainer with AdamW and a schedule of its learning rate. The result of a step depends only on
 * the parameters, the optimizer's moments, the batch, the seed and the step's number, so a restored
 * trainer continues bit for bit.
 */
public abstract class AdamWTrainer implements Trainer {
  private ModelMetadata metadata;
  private final Layout layout;
  final Kernels kernels;
  final StateDict parameters;
  final AdamW optimizer;
  final LearningRate schedule;
  final long seed;
  @Nullable final ActivationCheckpointing checkpointing;
  @Nullable private StepInProgress step;

  /**
   * @param layout of the model's file
   * @param checkpointing of the network's blocks; null stores all activations for the backward pass
   */
  AdamWTrainer(
      String kind,
      Record config,
      Layout layout,
      Kernels kernels,
      StateDict parameters,
      AdamW optimizer,
      LearningRate schedule,
      long seed,
      @Nullable ActivationCheckpointing checkpointing) {
    this.metadata = ModelMetadata.of(kind, config);
    this.layout = layout;
    this.kernels = kernels;
    this.parameters = parameters;
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.seed = seed;
    this.checkpointing = checkpointing;
  }

  /**
   * Records in the model's file how grey images of 16 bits became pixels.
   *
   * @param range see {@link ModelMetadata#greyRange}; null to record nothing
   */
  public final void recordGreyRange(@Nullable String range) {
    metadata = metadata.withGreyRange(range);
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
   * The optimizer step in progress: what its micro-batches have added up to so far. The next one
   * begins with the first micro-batch after {@link #update}.
   */
  private static final class StepInProgress implements AutoCloseable {
    private final NDManager manager;
    private final Map<String, Double> metrics = new LinkedHashMap<>();
    @Nullable private NDList gradients;
    private int images;

    StepInProgress(NDManager manager) {
      this.manager = manager;
    }

    @Override
    public void close() {
      manager.close();
    }
  }

  /** Computes the loss [] of a micro-batch, with its graph. */
  interface Forward {
    /**
     * @param manager of the micro-batch; closed after its backward pass
     */
    NDArray loss(NDManager manager);
  }

  /**
   * Forward and backward pass of a micro-batch of the current step. Its graph is freed before this
   * returns, unless it is the whole batch.
   *
   * @param images of the micro-batch
   * @param fraction weight of its loss in the loss of the batch; those of a step add up to 1. 0
   *     skips the micro-batch
   * @throws NonFiniteLossException if the loss is not finite; the step is abandoned then
   */
  final void accumulate(int images, double fraction, Forward forward) {
    if (step == null) {
      step = new StepInProgress(parameters.newManager());
    }
    try {
      if (fraction == 1 && step.gradients == null && checkpointing == null) {
        step.gradients = optimizer.gradients(step.manager, forward.loss(step.manager));
      } else if (fraction > 0) {
        addGradients(fraction, forward);
      }
    } catch (RuntimeException | Error e) {
      endStep();
      throw e;
    }
    step.images += images;
  }

  private void addGradients(double fraction, Forward forward) {
    if (step.gradients == null) {
      // New tensors: the gradients of one micro-batch may be views of one another.
      step.gradients = optimizer.zeros(step.manager);
    }
    if (checkpointing != null) {
      checkpointing.clear();
    }
    try (NDManager own = parameters.newManager()) {
      NDArray loss = forward.loss(own);
      if (checkpointing != null) {
        checkpointing.addGradients(own, fraction, optimizer.byParameter(step.gradients));
      } else {
        optimizer.addGradients(own, loss.mul(fraction), step.gradients);
      }
    }
  }

  private void endStep() {
    if (step != null) {
      step.close();
      step = null;
      afterStep();
    }
  }

  /** Forgets what belongs to the {@link #stepManager}, after a step or an abandoned one. */
  void afterStep() {}

  /** Images of the current step in the micro-batches before this one. */
  final int imagesBefore() {
    return step.images;
  }

  /** Lives until the end of the current step. */
  final NDManager stepManager() {
    return step.manager;
  }

  /** Adds a micro-batch's part to a metric of the current step. */
  final void addMetric(String name, double value) {
    step.metrics.merge(name, value, Double::sum);
  }

  /**
   * Takes the optimizer step with the gradients of the micro-batches since the last one.
   *
   * @return metrics by name: losses, learning rate, gradient norm, and those of the network
   * @throws IllegalStateException if there was no micro-batch
   * @throws NonFiniteLossException if the norm of the gradient is not finite; nothing has changed
   *     then
   */
  public final Map<String, Double> update() {
    if (step == null || step.gradients == null) {
      throw new IllegalStateException("no micro-batch has a loss");
    }
    try {
      Map<String, Double> metrics = step.metrics;
      double learningRate = schedule.at(step());
      long seedOfStep = stepSeed();
      double norm = optimizer.step(step.manager, step.gradients, learningRate);
      if (!Double.isFinite(norm)) {
        throw NonFiniteLossException.ofGradient(step() + 1, metrics.get("loss"), norm);
      }
      metrics.put("learning_rate", learningRate);
      metrics.put("gradient_norm", norm);
      afterUpdate(step.manager, seedOfStep, metrics);
      return metrics;
    } finally {
      endStep();
    }
  }

  /** What a step changes beside the optimizer's parameters. Adds its metrics. */
  void afterUpdate(NDManager manager, long seedOfStep, Map<String, Double> metrics) {}

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
    try (Safetensors saved = Safetensors.read(model, this::layout)) {
      parameters.assign(kernels, saved.tensors());
    }
    afterRestore();
  }

  /** Called after the parameters of a checkpoint were loaded. */
  void afterRestore() {}

  private Layout layout(Map<String, String> saved) throws InvalidCheckpointException {
    ModelMetadata other = ModelMetadata.of(saved);
    if (!metadata.equals(other)) {
      throw new InvalidCheckpointException(
          "the checkpoint is a %s, this run is a %s".formatted(text(other), text(metadata)));
    }
    return layout;
  }

  private static String text(ModelMetadata metadata) {
    String model = metadata.kind() + " " + metadata.config();
    return metadata.greyRange() == null ? model : model + " of greyRange " + metadata.greyRange();
  }

  @Override
  public final void restoreOptimizer(ReadableByteChannel moments) throws IOException {
    Layout state;
    try (NDManager manager = parameters.newManager()) {
      Map<String, NDArray> tensors = new LinkedHashMap<>(optimizer.moments());
      tensors.putAll(extraState(manager));
      state = Safetensors.layout(tensors);
    }
    try (Safetensors saved = Safetensors.read(moments, metadata -> state)) {
      optimizer.restore(saved.tensors(), step(saved.metadata()));
      restoreExtraState(saved);
    }
  }

  private static long step(Map<String, String> optimizer) throws InvalidCheckpointException {
    String step = optimizer.get("step");
    if (step == null || !step.matches("\\d{1,18}")) {
      throw new InvalidCheckpointException(
          "found an optimizer of step %s; wanted a whole number".formatted(step));
    }
    return Long.parseLong(step);
  }

  @Override
  public void close() {
    endStep();
    optimizer.close();
    parameters.close();
  }
}
