package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.CodebookUpdate;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKd.Usage;
import dev.beit2.model.tokenizer.VqKd.Vectors;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/** Training of the tokenizer (paper, section 3.1). */
public final class VqKdTrainer extends AdamWTrainer {
  private final VqKd network;
  private final Teacher teacher;
  // Those of the current step's micro-batches.
  private final List<Vectors> vectors = new ArrayList<>();

  private VqKdTrainer(
      VqKdConfig config,
      CodebookUpdate update,
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
        VqKd.layout(config),
        kernels,
        state,
        new AdamW(
            kernels,
            state,
            adamW,
            ParameterGroups.of(
                state,
                state.names(name -> VqKd.isTrained(name, update)),
                adamW.weightDecay(),
                name -> 1)),
        schedule,
        seed,
        checkpointing);
    this.network = new VqKd(config, update, kernels, state, checkpointing);
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
    return start(config, CodebookUpdate.EMA, teacher, adamW, schedule, seed, precision, false);
  }

  /**
   * A trainer of a tokenizer at its initial values.
   *
   * @param update how the codebook learns
   * @param teacher closed with the trainer
   * @param activationCheckpointing whether blocks are recomputed in the backward pass instead of
   *     storing their activations: less memory, the same numbers
   * @throws IllegalArgumentException if the teacher's features do not have the config's width
   */
  public static VqKdTrainer start(
      VqKdConfig config,
      CodebookUpdate update,
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
        update,
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
    accumulate(images, batch, 1);
    return update();
  }

  /**
   * Forward and backward pass on a micro-batch of the current step. The very first one initializes
   * the codebook by k-means, unless {@link #initialize} has.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param size images of the micro-batch, B
   * @param fraction of the batch's images that are in this micro-batch, 0 to 1
   * @throws NonFiniteLossException if the loss is not finite; the step is abandoned then
   */
  public void accumulate(ByteBuffer images, int size, double fraction) {
    accumulate(size, fraction, manager -> loss(manager, images(manager, images, size), fraction));
  }

  private NDArray loss(NDManager manager, NDArray images, double fraction) {
    NDArray target = teacher.features(manager, images);
    VqKd.Output output = network.forward(manager, images, target, stepSeed());
    vectors.add(output.vectors().detachInto(stepManager()));
    addMetric("loss", fraction * finite(output.loss()));
    addMetric("reconstruction_loss", fraction * output.reconstructionLoss().getFloat());
    addMetric("commitment_loss", fraction * output.commitmentLoss().getFloat());
    if (output.codebookLoss() != null) {
      addMetric("codebook_loss", fraction * output.codebookLoss().getFloat());
    }
    return output.loss();
  }

  /** Updates the codebook once per step, with the vectors of the whole batch. */
  @Override
  void afterUpdate(NDManager manager, long seedOfStep, Map<String, Double> metrics) {
    Usage usage = network.updateCodebook(manager, Vectors.concat(vectors), seedOfStep);
    metrics.put("codes_in_use", (double) usage.codesInUse());
    metrics.put("perplexity", usage.perplexity());
    metrics.put("revived_codes", (double) usage.revived());
  }

  @Override
  void afterStep() {
    vectors.clear();
  }

  /** Initializes the codebook by k-means on the batch, unless it is initialized. */
  @Override
  public void initialize(ByteBuffer images, int batch) {
    try (NDManager manager = parameters.newManager()) {
      NDArray input = images(manager, images, batch);
      kernels.withoutGradient(() -> network.initializeCodebook(manager, input, stepSeed()));
    }
  }

  /** A code counts as much as the vectors that this worker has assigned to it in the round. */
  @Override
  public FloatBuffer contribution(String name) {
    FloatBuffer values = values(name);
    if (name.equals(VqKd.CODEBOOK)) {
      float[] weights = network.codeWeights();
      int width = values.limit() / weights.length;
      for (int i = 0; i < values.limit(); i++) {
        values.put(i, values.get(i) * weights[i / width]);
      }
    }
    return values;
  }

  /** A round begins from the average of the last one. */
  @Override
  void afterRestore() {
    network.forgetAssignments();
  }

  @Override
  Averaging averaging(String name) {
    if (name.equals(VqKd.CODEBOOK)) {
      return Averaging.UNIT_MEAN;
    }
    return name.startsWith("quantize.") ? Averaging.MEAN : Averaging.OUTER_STEP;
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
