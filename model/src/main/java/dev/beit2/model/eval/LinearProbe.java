package dev.beit2.model.eval;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.Initialization;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Linear classifiers on frozen features, all trained at once: for each vector of the features and
 * each learning rate two heads. One never sees the held-out images, which choose among those heads;
 * its twin sees all images and is the one that is reported.
 *
 * <p>The gradient of a softmax of one layer is written down, so that the heads of a vector are two
 * matrix products. The heads do not influence each other. Not thread-safe.
 */
public final class LinearProbe implements AutoCloseable {
  /** Of {@link Initialization}'s standard deviation 0.02, as in the official script. */
  private static final double HALF = 0.5;

  private static final String EPOCH = "epoch";

  private final List<Integer> dims;
  private final int classes;
  private final ProbeConfig config;
  private final Kernels kernels = Kernels.of(Precision.FP32);
  private final StateDict state = new StateDict();
  private int step;

  /**
   * @param dims numbers in each vector
   * @param classes number of classes, C
   * @param seed of the initial weights, N(0, 0.01); biases start at 0
   */
  public LinearProbe(List<Integer> dims, int classes, ProbeConfig config, long seed) {
    this.dims = List.copyOf(dims);
    this.classes = classes;
    this.config = config;
    Initialization init = new Initialization(state, seed, Double.POSITIVE_INFINITY);
    for (int v = 0; v < dims.size(); v++) {
      long outputs = (long) heads() * classes;
      init.scaledNormal("w" + v, HALF, outputs, dims.get(v));
      init.constant("b" + v, 0, outputs);
      init.constant("mw" + v, 0, outputs, dims.get(v));
      init.constant("mb" + v, 0, outputs);
      boolean second = config.optimizer() == ProbeConfig.Optimizer.ADAMW;
      init.constant("vw" + v, 0, second ? outputs : 1, second ? dims.get(v) : 1);
      init.constant("vb" + v, 0, second ? outputs : 1);
    }
  }

  /** Heads of each vector. */
  private int heads() {
    return 2 * config.rates().size();
  }

  /**
   * One step of all heads.
   *
   * @param features of each vector, [n · D]
   * @param labels [n], in [0, C)
   * @param heldOut [n]
   * @param epoch from 0
   */
  public void step(List<float[]> features, int[] labels, boolean[] heldOut, int epoch) {
    step++;
    int n = labels.length;
    int rates = config.rates().size();
    float[] weights = new float[heads() * n];
    for (int h = 0; h < heads(); h++) {
      for (int i = 0; i < n; i++) {
        // A smaller last batch has less weight, and so no more noise.
        weights[h * n + i] = h < rates && heldOut[i] ? 0 : 1f / config.batchSize();
      }
    }
    float[] current = new float[heads()];
    for (int h = 0; h < heads(); h++) {
      current[h] = (float) (config.rates().get(h % rates) * config.schedule(epoch));
    }
    kernels.withoutGradient(
        () -> {
          try (NDManager manager = state.newManager();
              NDArray numbers = kernels.numbers(step, classes)) {
            NDArray targets = manager.create(toLong(labels));
            NDArray weight = manager.create(weights, new Shape(heads(), n));
            NDArray rate = manager.create(current);
            for (int v = 0; v < dims.size(); v++) {
              NDArray x = manager.create(features.get(v), new Shape(n, dims.get(v)));
              kernels.call(
                  manager,
                  config.optimizer() == ProbeConfig.Optimizer.SGD ? "probe_sgd" : "probe_adamw",
                  new NDArray[] {
                    x, targets, weight, rate, kernels.number(config.weightDecay()), numbers
                  },
                  List.of(
                      state.get("w" + v),
                      state.get("b" + v),
                      state.get("mw" + v),
                      state.get("mb" + v),
                      state.get("vw" + v),
                      state.get("vb" + v)));
            }
          }
        });
  }

  private static long[] toLong(int[] labels) {
    return Arrays.stream(labels).asLongStream().toArray();
  }

  /**
   * What the heads say of some images, for each vector one after the other, and there first the
   * heads that do not see held-out images: head h of vector v is column v · 2R + h of R rates.
   *
   * @param ranks [n][heads], how many classes have a higher logit than the right one
   * @param losses [n][heads], cross-entropies
   * @param predictions [n][heads], classes
   */
  @SuppressWarnings("ArrayRecordComponent") // read once
  public record Scores(int[][] ranks, float[][] losses, int[][] predictions) {}

  /**
   * Classifies images by all heads.
   *
   * @param features of each vector, [n · D]
   * @param labels [n], in [0, C)
   */
  public Scores scores(List<float[]> features, int[] labels) {
    int n = labels.length;
    int columns = heads() * dims.size();
    Scores scores = new Scores(new int[n][columns], new float[n][columns], new int[n][columns]);
    try (NDManager manager = state.newManager()) {
      NDArray targets = manager.create(toLong(labels));
      for (int v = 0; v < dims.size(); v++) {
        NDArray x = manager.create(features.get(v), new Shape(n, dims.get(v)));
        NDList found =
            kernels.callForAll(
                manager,
                "probe_scores",
                new NDArray[] {
                  x, targets, state.get("w" + v), state.get("b" + v), kernels.number(classes)
                });
        long[] ranks = found.get(0).toLongArray();
        float[] losses = found.get(1).toFloatArray();
        long[] predictions = found.get(2).toLongArray();
        for (int i = 0; i < n; i++) {
          for (int h = 0; h < heads(); h++) {
            int column = v * heads() + h;
            scores.ranks()[i][column] = (int) ranks[i * heads() + h];
            scores.losses()[i][column] = losses[i * heads() + h];
            scores.predictions()[i][column] = (int) predictions[i * heads() + h];
          }
        }
      }
    }
    return scores;
  }

  /** Writes all heads with what their optimizer remembers, after some epochs. */
  public void write(WritableByteChannel to, int epochs) throws IOException {
    Safetensors.write(
        to,
        Map.of(EPOCH, Integer.toString(epochs), "step", Integer.toString(step)),
        state.tensors());
  }

  /**
   * Continues from what {@link #write} has written.
   *
   * @return the epochs that are done
   * @throws InvalidCheckpointException if it is not that of a probe of this shape
   */
  public int read(ReadableByteChannel from) throws IOException {
    try (Safetensors file =
        Safetensors.read(from, metadata -> Safetensors.layout(state.tensors()))) {
      int epochs = Integer.parseInt(file.metadata().get(EPOCH));
      step = Integer.parseInt(file.metadata().get("step"));
      state.assign(kernels, file.tensors());
      return epochs;
    } catch (NumberFormatException e) {
      throw new InvalidCheckpointException("no epoch and step in the file of a linear probe");
    }
  }

  /** The names of heads, in the order of {@link Scores}: vector and rate. */
  public static List<Head> heads(List<String> vectors, List<Double> rates) {
    List<Head> heads = new ArrayList<>();
    for (String vector : vectors) {
      for (boolean all : new boolean[] {false, true}) {
        rates.forEach(rate -> heads.add(new Head(vector, rate, all)));
      }
    }
    return heads;
  }

  /**
   * A head.
   *
   * @param all whether it has seen the held-out images
   */
  public record Head(String vector, double rate, boolean all) {}

  @Override
  public void close() {
    state.close();
  }
}
