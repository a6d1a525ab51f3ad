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
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Recomputation;
import dev.beit2.model.torch.StateDict;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
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
      StateDict state,
      Recomputation recomputation) {
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
        recomputation);
    this.network = new VqKd(config, kernels, state, recomputation);
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
    return start(config, teacher, adamW, schedule, seed, precision, false);
  }

  /**
   * The same.
   *
   * @param recompute whether blocks are computed a second time on the way back instead of keeping
   *     what it needs: less memory, the same numbers
   */
  public static VqKdTrainer start(
      VqKdConfig config,
      Teacher teacher,
      AdamWConfig adamW,
      CosineSchedule schedule,
      long seed,
      Precision precision,
      boolean recompute) {
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
        recompute ? new Recomputation(kernels) : null);
  }

  /** One optimizer step with the whole batch at once. */
  public Map<String, Double> step(ByteBuffer images, int batch) {
    return step(images, batch, 1);
  }

  /**
   * One optimizer step. The very first places the codebook by k-means on its first part, as {@link
   * #begin} on that part's images does.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param parts divides B: so many parts of the batch are taken one after the other, which takes
   *     the memory of one; the result is the same up to rounding. The codebook moves once a step,
   *     by the vectors of all parts.
   * @return metrics by name: losses, codebook health, learning rate, gradient norm
   * @throws NonFiniteLossException if the loss or its gradient is not finite
   */
  public Map<String, Double> step(ByteBuffer images, int batch, int parts) {
    long stepSeed = stepSeed();
    Map<String, Double> metrics = new LinkedHashMap<>();
    List<Vectors> vectors = new ArrayList<>();
    try (NDManager manager = parameters.newManager()) {
      NDList gradients =
          gradients(
              manager,
              batch,
              parts,
              (own, part) -> {
                NDArray input = images(own, part.of(images), part.size());
                NDArray target = teacher.features(own, input);
                VqKd.Output output = network.forward(own, input, target, stepSeed);
                vectors.add(output.vectors().detachInto(manager));
                // Parts are of the same size and losses are means over patches.
                double share = 1.0 / parts;
                metrics.merge("loss", share * finite(output.loss()), Double::sum);
                double reconstruction = output.reconstructionLoss().getFloat();
                metrics.merge("reconstruction_loss", share * reconstruction, Double::sum);
                double commitment = output.commitmentLoss().getFloat();
                metrics.merge("commitment_loss", share * commitment, Double::sum);
                return new PartLoss(output.loss(), share);
              });
      double learningRate = schedule.at(step());
      double norm = descend(manager, gradients, metrics.get("loss"));
      Usage usage = network.moveCodebook(manager, Vectors.concat(vectors), stepSeed);
      metrics.put("codes_in_use", (double) usage.codesInUse());
      metrics.put("perplexity", usage.perplexity());
      metrics.put("revived_codes", (double) usage.revived());
      metrics.put("learning_rate", learningRate);
      metrics.put("gradient_norm", norm);
      return metrics;
    }
  }

  /** Places the codebook by k-means on the batch, unless it has its place already. */
  @Override
  public void begin(ByteBuffer images, int batch) {
    try (NDManager manager = parameters.newManager()) {
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
