package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import com.google.gson.Gson;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Recomputation;
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

/**
 * Parameters, optimizer and schedule of a network in training. A step's result depends on the
 * parameters, the optimizer's moments, the batch, the seed and the step's number alone, so a
 * restored trainer goes on to the bit.
 */
public abstract class Trainer implements Learner {
  private final String kind;
  private final Object config;
  final Kernels kernels;
  final StateDict parameters;
  final AdamW optimizer;
  final CosineSchedule schedule;
  final long seed;
  final Recomputation recomputation;

  /** {@code recomputation} of the network's blocks; null if all is kept for the way back. */
  Trainer(
      String kind,
      Object config,
      Kernels kernels,
      StateDict parameters,
      AdamW optimizer,
      CosineSchedule schedule,
      long seed,
      Recomputation recomputation) {
    this.kind = kind;
    this.config = config;
    this.kernels = kernels;
    this.parameters = parameters;
    this.optimizer = optimizer;
    this.schedule = schedule;
    this.seed = seed;
    this.recomputation = recomputation;
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

  /** One of the equal parts of a batch. */
  record Part(int number, int parts, int batch) {
    /** Pictures of the part. */
    int size() {
      return batch / parts;
    }

    /** The number in the batch of its first picture. */
    int first() {
      return number * size();
    }

    /** The part's share of a buffer that holds the same for every picture. */
    ByteBuffer of(ByteBuffer whole) {
      int bytes = whole.remaining() / parts;
      return whole.slice(whole.position() + number * bytes, bytes).order(whole.order());
    }
  }

  /** A part's loss [], recorded, and its share of the batch's loss. */
  record PartLoss(NDArray loss, double share) {}

  /** Computes the loss of a part; null if it has none. */
  interface Forward {
    PartLoss of(NDManager manager, Part part);
  }

  /**
   * The gradients of a batch's loss, taken part by part: each part's graph is freed before the next
   * is built.
   *
   * @throws NonFiniteLossException if the loss is not finite
   */
  final NDList gradients(NDManager manager, int batch, int parts, Forward forward) {
    if (parts < 1 || batch % parts != 0) {
      throw new IllegalArgumentException(
          "a batch of %d images cannot be taken in %d equal parts".formatted(batch, parts));
    }
    if (parts == 1 && recomputation == null) {
      return optimizer.gradients(manager, forward.of(manager, new Part(0, 1, batch)).loss);
    }
    // Not the first part's own gradients: those of one picture may be views of one another.
    NDList sums = optimizer.zeros(manager);
    for (int i = 0; i < parts; i++) {
      if (recomputation != null) {
        recomputation.clear();
      }
      try (NDManager own = parameters.newManager()) {
        PartLoss part = forward.of(own, new Part(i, parts, batch));
        if (part != null && recomputation != null) {
          recomputation.addGradients(own, part.share, optimizer.byParameter(sums));
        } else if (part != null) {
          optimizer.addGradients(own, part.loss.mul(part.share), sums);
        }
      }
    }
    return sums;
  }

  /** The value of a loss []. */
  final double finite(NDArray loss) {
    double value = loss.getFloat();
    if (!Double.isFinite(value)) {
      throw NonFiniteLossException.ofLoss(step() + 1, value);
    }
    return value;
  }

  /**
   * Takes the step and returns the gradient's norm.
   *
   * @throws NonFiniteLossException if that is not finite; nothing has changed then
   */
  final double descend(NDManager manager, NDList gradients, double loss) {
    double norm = optimizer.step(manager, gradients, schedule.at(step()));
    if (!Double.isFinite(norm)) {
      throw NonFiniteLossException.ofGradient(step() + 1, loss, norm);
    }
    return norm;
  }

  /** A number that is different for each step of each run. */
  final long stepSeed() {
    return (seed * 0x9E3779B97F4A7C15L + step()) * 0xBF58476D1CE4E5B9L;
  }

  /** Other state that the next step depends on, by name; saved beside the moments. */
  Map<String, NDArray> moreState(NDManager manager) {
    return Map.of();
  }

  /** Takes back what {@link #moreState} gave. */
  void restoreMore(Safetensors saved) {}

  @Override
  public final void writeModel(WritableByteChannel out) throws IOException {
    Safetensors.write(
        out, Map.of("kind", kind, "config", new Gson().toJson(config)), parameters.tensors());
  }

  @Override
  public final void writeOptimizer(WritableByteChannel out) throws IOException {
    try (NDManager manager = parameters.newManager()) {
      Map<String, NDArray> tensors = new LinkedHashMap<>(optimizer.moments());
      tensors.putAll(moreState(manager));
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

  /** How several workers' copies of a float32 tensor become one. */
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
   * What has to happen once, on the run's first batch, before workers part. The first step does it
   * too, unless it is done: a {@code step} on the same batch gives the same numbers, to the bit.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   */
  public void begin(ByteBuffer images, int batch) {}

  @Override
  public final void restoreModel(ReadableByteChannel model) throws IOException {
    try (Safetensors saved = Safetensors.read(model)) {
      String own = kind + " " + new Gson().toJson(config);
      String other = saved.metadata().get("kind") + " " + saved.metadata().get("config");
      if (!own.equals(other)) {
        throw new IllegalArgumentException(
            "the checkpoint is a " + other + ", this run is a " + own);
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
      restoreMore(saved);
    }
  }

  @Override
  public void close() {
    optimizer.close();
    parameters.close();
  }
}
