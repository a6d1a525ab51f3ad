package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;

/** Training of the tokenizer (paper, section 3.1). */
public final class VqKdTrainer extends Trainer {
  private final VqKd network;
  private final Teacher teacher;

  private VqKdTrainer(
      VqKdConfig config,
      Teacher teacher,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Kernels kernels,
      StateDict state) {
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
        seed);
    this.network = new VqKd(config, kernels, state);
    this.teacher = teacher;
  }

  /**
   * A tokenizer at its starting values.
   *
   * @param teacher closed with the trainer
   * @throws IllegalArgumentException if the teacher's width is not the config's
   */
  public static VqKdTrainer start(
      VqKdConfig config,
      Teacher teacher,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision) {
    if (teacher.dimension() != config.teacherDimension()) {
      throw new IllegalArgumentException(
          "the teacher's features are %d wide, the tokenizer is built for %d"
              .formatted(teacher.dimension(), config.teacherDimension()));
    }
    return new VqKdTrainer(
        config,
        teacher,
        adamW,
        schedule,
        seed,
        Kernels.of(precision),
        VqKd.initialize(config, seed));
  }

  /**
   * One optimizer step.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @return metrics by name: losses, codebook health, learning rate, gradient norm
   * @throws NonFiniteLossException if the loss is not finite
   */
  public Map<String, Double> step(ByteBuffer images, int batch) {
    try (NDManager manager = Torch.newManager()) {
      NDArray input = images(manager, images, batch);
      NDArray target = teacher.features(manager, input);
      VqKd.Output output = network.forward(manager, input, target, stepSeed());
      Map<String, Double> metrics = new LinkedHashMap<>();
      double loss = output.loss().getFloat();
      metrics.put("loss", loss);
      metrics.put("reconstruction_loss", (double) output.reconstructionLoss().getFloat());
      metrics.put("commitment_loss", (double) output.commitmentLoss().getFloat());
      metrics.put("codes_in_use", (double) output.codesInUse());
      metrics.put("perplexity", output.perplexity());
      metrics.put("revived_codes", (double) output.revived());
      metrics.put("learning_rate", schedule.at(step()));
      metrics.put("gradient_norm", descend(manager, output.loss(), loss));
      return metrics;
    }
  }

  /** Places the codebook by k-means on the batch, unless it has its place already. */
  @Override
  public void begin(ByteBuffer images, int batch) {
    try (NDManager manager = Torch.newManager()) {
      NDArray input = images(manager, images, batch);
      kernels.withoutGradient(() -> network.placeCodebook(manager, input, stepSeed()));
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
  Map<String, NDArray> moreState(NDManager manager) {
    return Map.of("codebook.idle_batches", network.idleBatches(manager));
  }

  @Override
  void restoreMore(Safetensors saved) {
    network.restoreIdleBatches(saved.tensors().get("codebook.idle_batches"));
  }

  @Override
  public void close() {
    super.close();
    teacher.close();
  }
}
