package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.tokenizer.VqKd.Usage;
import dev.beit2.model.tokenizer.VqKd.Vectors;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.vit.Initialization;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * The codebook: unit vectors that follow the vectors assigned to them by an exponential moving
 * average (official {@code NormEMAVectorQuantizer}). The official code has no revival of dead
 * codes; without it the codebook collapses on small data sets.
 */
final class NormEmaCodebook {
  static final String CODEBOOK = "quantize.embedding.weight";
  private static final int KMEANS_ROUNDS = 10;
  private static final long MOST_WEIGHT = 1 << 15;
  private static final float NO_VECTORS = 0x1p-10f;

  private final VqKdConfig config;
  private final CodebookUpdate update;
  private final Kernels kernels;
  private final StateDict state;
  private final int[] idleBatches;
  private final long[] assigned;

  NormEmaCodebook(VqKdConfig config, CodebookUpdate update, Kernels kernels, StateDict state) {
    this.config = config;
    this.update = update;
    this.kernels = kernels;
    this.state = state;
    this.idleBatches = new int[config.codebookSize()];
    this.assigned = new long[config.codebookSize()];
  }

  static void initialize(VqKdConfig config, Initialization init) {
    int codes = config.codebookSize();
    init.constant("quantize.cluster_size", 0, codes);
    init.constant(CODEBOOK, 0, codes, config.codeDimension());
    init.constant("quantize.embedding.cluster_size", 0, codes);
    init.constant("quantize.embedding.embed_avg", 0, codes, config.codeDimension());
    init.constant("quantize.embedding.initted", 0, 1);
  }

  /** The codes nearest to z [M, C] unit vectors. */
  Vectors nearest(NDManager manager, NDArray z) {
    NDList nearest = kernels.callForAll(manager, "nearest", new NDArray[] {z, state.get(CODEBOOK)});
    return new Vectors(z, nearest.get(0), nearest.get(1));
  }

  /**
   * The commitment loss [] and the code vectors with straight-through gradient, [B, C, grid, grid].
   *
   * @param z [B, N, C] unit vectors
   * @param codes [B · N]
   */
  NDList quantize(NDManager manager, NDArray z, NDArray codes) {
    return kernels.callForAll(
        manager,
        "quantize",
        new NDArray[] {z, codes, state.get(CODEBOOK), kernels.number(config.beta())});
  }

  /** The codebook loss [] of z [M, C] unit vectors with their codes [M]. */
  NDArray loss(NDManager manager, NDArray z, NDArray codes) {
    return kernels.call(manager, "codebook_loss", z, codes, state.get(CODEBOOK));
  }

  /** Whether the codebook is initialized. */
  boolean isInitialized(NDManager manager) {
    return Torch.onCpu(manager, state.get("quantize.embedding.initted")).getFloat(0) != 0;
  }

  /** Initializes the codes by k-means over z [M, C]; does nothing if z is not finite. */
  void initialize(NDManager manager, NDArray z, long seed) {
    NDArray initialized = state.get("quantize.embedding.initted");
    NDArray samples = z.stopGradient();
    if (!Float.isFinite(samples.sum().getFloat())) {
      return;
    }
    NDArray first =
        samples.get(
            manager.create(KMeans.initialMeans(z.getShape().get(0), config.codebookSize(), seed)));
    KMeans.Clusters clusters = KMeans.run(kernels, manager, samples, first, KMEANS_ROUNDS);
    kernels.withoutGradient(
        () -> {
          kernels.call(
              manager,
              "assign",
              new NDArray[0],
              List.of(state.get(CODEBOOK), state.get("quantize.embedding.cluster_size")),
              List.of(clusters.means(), clusters.counts()));
          initialized.addi(1);
        });
  }

  /**
   * Updates the codebook by EMA with the vectors, then revives dead codes. If the optimizer has
   * moved the codes, they only become unit vectors again.
   */
  Usage update(NDManager manager, Vectors vectors, long seed) {
    NDArray[] counts = new NDArray[1];
    kernels.withoutGradient(() -> counts[0] = move(manager, vectors));
    float[] batch = counts[0].toFloatArray();
    int used = 0;
    double entropy = 0;
    double total = vectors.z().getShape().get(0);
    for (int code = 0; code < batch.length; code++) {
      if (batch[code] > 0) {
        used++;
        assigned[code] += (long) batch[code];
        entropy -= batch[code] / total * Math.log(batch[code] / total);
        idleBatches[code] = 0;
      } else {
        idleBatches[code]++;
      }
    }
    int revived = config.reviveDeadCodesAfter() > 0 ? revive(manager, vectors, seed) : 0;
    return new Usage(used, Math.exp(entropy), revived);
  }

  /** Moves the codes towards their vectors; returns how many each code has, [K]. */
  private NDArray move(NDManager manager, Vectors vectors) {
    return kernels.call(
        manager,
        "codebook_ema",
        vectors.z(),
        vectors.codes(),
        state.get(CODEBOOK),
        state.get("quantize.cluster_size"),
        kernels.number(update == CodebookUpdate.EMA ? config.decay() : 1));
  }

  /**
   * The weight of each code in an average of codebooks. A code without vectors has a small weight:
   * it is the same in all codebooks, unless another worker has moved it. Weights are limited,
   * because their sums are in fixed point.
   */
  float[] weights() {
    float[] weights = new float[assigned.length];
    for (int code = 0; code < weights.length; code++) {
      weights[code] = Math.min(assigned[code], MOST_WEIGHT) + NO_VECTORS;
    }
    return weights;
  }

  void forgetAssignments() {
    Arrays.fill(assigned, 0);
  }

  private int revive(NDManager manager, Vectors vectors, long seed) {
    long[] dead =
        IntStream.range(0, idleBatches.length)
            .filter(code -> idleBatches[code] >= config.reviveDeadCodesAfter())
            .limit(vectors.z().getShape().get(0))
            .asLongStream()
            .toArray();
    if (dead.length == 0) {
      return 0;
    }
    long[] picks = drawFarVectors(vectors.distances().toFloatArray(), dead.length, seed);
    kernels.withoutGradient(
        () ->
            kernels.call(
                manager,
                "revive",
                state.get(CODEBOOK),
                manager.create(dead),
                vectors.z(),
                manager.create(picks)));
    for (long code : dead) {
      idleBatches[(int) code] = 0;
    }
    return dead.length;
  }

  /**
   * Draws distinct vectors of the batch, with a probability proportional to their squared distance
   * from their code, as k-means++ does: new codes are needed most where the codebook fits worst.
   */
  private static long[] drawFarVectors(float[] distances, int draws, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double[] weights = new double[distances.length];
    double total = 0;
    for (int i = 0; i < weights.length; i++) {
      // A vector that equals its code can still be drawn, after all others.
      weights[i] = Math.max(distances[i], 1e-9f);
      total += weights[i];
    }
    long[] picks = new long[draws];
    for (int draw = 0; draw < draws; draw++) {
      double at = random.nextDouble() * total;
      int pick = -1;
      for (int i = 0; i < weights.length && (pick < 0 || at >= 0); i++) {
        if (weights[i] > 0) {
          pick = i;
          at -= weights[i];
        }
      }
      picks[draw] = pick;
      total -= weights[pick];
      weights[pick] = 0;
    }
    return picks;
  }

  /** Batches since each code was last used, [K] int32. {@link #restore} needs them to continue. */
  NDArray idleBatches(NDManager manager) {
    return manager.create(idleBatches, new Shape(idleBatches.length));
  }

  void restore(NDArray saved) {
    System.arraycopy(saved.toIntArray(), 0, idleBatches, 0, idleBatches.length);
  }
}
