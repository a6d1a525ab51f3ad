package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKd.Usage;
import dev.beit2.model.tokenizer.VqKd.Vectors;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/** Training of the tokenizer (paper, section 3.1). */
public final class VqKdTrainer extends AdamWTrainer {
  private final VqKd network;
  private final Teacher teacher;

  private VqKdTrainer(
      VqKdConfig config,
      Teacher teacher,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    super(
        "vqkd",
        config,
        kernels,
        state,
        new AdamW(
            kernels,
            state,
            adamW,
            ParameterGroups.of(
                state, state.names(VqKd::isTrained), adamW.weightDecay(), name -> 1)),
        schedule,
        seed,
        checkpointing);
    this.network = new VqKd(config, kernels, state, checkpointing);
    this.teacher = teacher;
  }

  /**
   * A trainer of a tokenizer at its initial values.
   *
   * @param teacher closed with the trainer
   * @throws IllegalArgumentException if the teacher's features do not have the config's width
   */
  public static VqKdTrainer start(
      VqKdConfig config,
      Teacher teacher,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision) {
    return start(config, teacher, adamW, schedule, seed, precision, false);
  }

  /**
   * A trainer of a tokenizer at its initial values.
   *
   * @param teacher closed with the trainer
   * @param activationCheckpointing whether blocks are recomputed in the backward pass instead of
   *     storing their activations: less memory, the same numbers
   * @throws IllegalArgumentException if the teacher's features do not have the config's width
   */
  public static VqKdTrainer start(
      VqKdConfig config,
      Teacher teacher,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision,
      boolean activationCheckpointing) {
    if (teacher.dimension() != config.teacherDimension()) {
      throw new IllegalArgumentException(
          "the teacher's features are %d wide, the tokenizer is built for %d"
              .formatted(teacher.dimension(), config.teacherDimension()));
    }
    Kernels kernels = Kernels.of(precision);
    return new VqKdTrainer(
        config,
        teacher,
        adamW,
        schedule,
        seed,
        kernels,
        VqKd.initialize(config, seed),
        activationCheckpointing ? new ActivationCheckpointing(kernels) : null);
  }

  /** One optimizer step on a batch that fits on the device as a whole. */
  public Map<String, Double> step(ByteBuffer images, int batch) {
    return step(images, batch, 1);
  }

  /**
   * One optimizer step. The first one initializes the codebook by k-means on its first micro-batch,
   * as {@link #initialize} does.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param microBatches that the batch is split into; a divisor of B. Memory is that of one
   *     micro-batch, the result is the same up to rounding. The codebook is updated once per step,
   *     with the vectors of the whole batch
   * @return metrics by name: losses, codebook usage, learning rate, gradient norm
   * @throws NonFiniteLossException if the loss or its gradient is not finite
   */
  public Map<String, Double> step(ByteBuffer images, int batch, int microBatches) {
    long stepSeed = stepSeed();
    Map<String, Double> metrics = new LinkedHashMap<>();
    List<Vectors> vectors = new ArrayList<>();
    try (NDManager manager = parameters.newManager()) {
      NDList gradients =
          gradients(
              manager,
              batch,
              microBatches,
              (own, microBatch) -> {
                NDArray input = images(own, microBatch.slice(images), microBatch.size());
                NDArray target = teacher.features(own, input);
                VqKd.Output output = network.forward(own, input, target, stepSeed);
                vectors.add(output.vectors().detachInto(manager));
                // Micro-batches have the same size, and losses are means over patches.
                double weight = 1.0 / microBatches;
                metrics.merge("loss", weight * finite(output.loss()), Double::sum);
                double reconstruction = output.reconstructionLoss().getFloat();
                metrics.merge("reconstruction_loss", weight * reconstruction, Double::sum);
                double commitment = output.commitmentLoss().getFloat();
                metrics.merge("commitment_loss", weight * commitment, Double::sum);
                return new WeightedLoss(output.loss(), weight);
              });
      double learningRate = schedule.at(step());
      double norm = update(manager, gradients, metrics.get("loss"));
      Usage usage = network.updateCodebook(manager, Vectors.concat(vectors), stepSeed);
      metrics.put("codes_in_use", (double) usage.codesInUse());
      metrics.put("perplexity", usage.perplexity());
      metrics.put("revived_codes", (double) usage.revived());
      metrics.put("learning_rate", learningRate);
      metrics.put("gradient_norm", norm);
      return metrics;
    }
  }

  /** Initializes the codebook by k-means on the batch, unless it is initialized. */
  @Override
  public void initialize(ByteBuffer images, int batch) {
    try (NDManager manager = parameters.newManager()) {
      NDArray input = images(manager, images, batch);
      kernels.withoutGradient(() -> network.initializeCodebook(manager, input, stepSeed()));
    }
  }

  @Override
  Averaging averaging(String name) {
    if (VqKd.isTrained(name)) {
      return Averaging.OUTER_STEP;
    }
    return name.equals(VqKd.CODEBOOK) ? Averaging.UNIT_MEAN : Averaging.MEAN;
  }

  @Override
  Map<String, NDArray> extraState(NDManager manager) {
    return Map.of("codebook.idle_batches", network.idleBatches(manager));
  }

  @Override
  void restoreExtraState(Safetensors saved) {
    network.restoreIdleBatches(saved.tensors().get("codebook.idle_batches"));
  }

  @Override
  public void close() {
    super.close();
    teacher.close();
  }
}
