package dev.beit2.model.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.StateDict;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;

/**
 * Initial values as in the official code. A tensor's values depend only on the seed and its name.
 *
 * @param into receives the tensors
 * @param seed the run's seed
 * @param bound at which normal values are truncated, in standard deviations: 1 in the masked image
 *     model (which calls timm's {@code trunc_normal_} like that), practically infinite in the
 *     tokenizer and the classifier
 */
public record Initialization(StateDict into, long seed, double bound) {
  private static final double STD = 0.02;

  /** Values of a truncated normal distribution of standard deviation 0.02. */
  public void normal(String name, long... shape) {
    scaledNormal(name, 1, shape);
  }

  /** Values of that distribution, multiplied by {@code scale}. */
  public void scaledNormal(String name, double scale, long... shape) {
    RandomGenerator random = random(name);
    fill(
        name,
        shape,
        i -> {
          double value;
          do {
            value = random.nextGaussian();
          } while (Math.abs(value) > bound);
          return value * STD * scale;
        });
  }

  /**
   * PyTorch's default for weights and biases of linear layers and convolutions: U(−1/√inputs,
   * 1/√inputs).
   */
  public void uniform(String name, long inputs, double scale, long... shape) {
    RandomGenerator random = random(name);
    double limit = scale / Math.sqrt(inputs);
    fill(name, shape, i -> random.nextDouble(-limit, limit));
  }

  /** One value everywhere. */
  public void constant(String name, double value, long... shape) {
    fill(name, shape, i -> value);
  }

  /** A linear layer: normal weights, no bias. */
  public void linear(String name, long out, long in) {
    normal(name + ".weight", out, in);
    constant(name + ".bias", 0, out);
  }

  /** A layer norm that starts as the identity. */
  public void layerNorm(String name, long dim) {
    constant(name + ".weight", 1, dim);
    constant(name + ".bias", 0, dim);
  }

  /** Integers. */
  public void longs(String name, long[] values, long... shape) {
    into.put(name, into.manager().create(values, new Shape(shape)));
  }

  private interface Source {
    double at(int i);
  }

  private void fill(String name, long[] shape, Source source) {
    float[] values = new float[Math.toIntExact(Arrays.stream(shape).reduce(1, (a, b) -> a * b))];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) source.at(i);
    }
    // The copy is native memory that closing frees; DJL only wraps the buffer.
    try (NDArray wrapped = into.manager().create(values, new Shape(shape))) {
      into.put(name, wrapped.duplicate());
    }
  }

  private RandomGenerator random(String name) {
    long hash = seed;
    for (int i = 0; i < name.length(); i++) {
      hash = (hash ^ name.charAt(i)) * 0x100000001b3L;
    }
    return new SplittableRandom(hash);
  }
}
