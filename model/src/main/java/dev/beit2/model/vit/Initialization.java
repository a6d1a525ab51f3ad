package dev.beit2.model.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.torch.StateDict;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.function.IntToDoubleFunction;
import java.util.function.Supplier;
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
public record Initialization(Target into, long seed, double bound) {
  private static final double STD = 0.02;

  /** Receives the tensors. */
  public interface Target {
    /**
     * A float32 tensor.
     *
     * @param zero whether all values are 0
     * @param values its values by index, called in order
     */
    void floats(String name, long[] shape, boolean zero, IntToDoubleFunction values);

    /** An int64 tensor of constants. */
    void longs(String name, long[] shape, Supplier<long[]> values);
  }

  /** Initial values for a state dict. */
  public Initialization(StateDict into, long seed, double bound) {
    this(new Filling(into), seed, bound);
  }

  /** The layout of the tensors that {@code network} initializes; none of them is made. */
  public static Layout layout(Consumer<Initialization> network) {
    Map<String, Layout.Tensor> tensors = new LinkedHashMap<>();
    network.accept(
        new Initialization(
            new Target() {
              @Override
              public void floats(
                  String name, long[] shape, boolean zero, IntToDoubleFunction values) {
                tensors.put(
                    name, Layout.Tensor.floats(Arrays.stream(shape).boxed().toList(), zero));
              }

              @Override
              public void longs(String name, long[] shape, Supplier<long[]> values) {
                tensors.put(
                    name,
                    new Layout.Tensor("I64", Arrays.stream(shape).boxed().toList(), true, values));
              }
            },
            0,
            1));
    return new Layout(tensors);
  }

  /** Values of a truncated normal distribution of standard deviation 0.02. */
  public void normal(String name, long... shape) {
    scaledNormal(name, 1, shape);
  }

  /** Values of that distribution, multiplied by {@code scale}. */
  public void scaledNormal(String name, double scale, long... shape) {
    RandomGenerator random = random(name);
    into.floats(
        name,
        shape,
        false,
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
    into.floats(name, shape, false, i -> random.nextDouble(-limit, limit));
  }

  /**
   * Normal values of a standard deviation of √(2/outputs): He initialization for ReLU (arXiv
   * 1502.01852) in mode "fan out".
   *
   * @param outputs of a convolution: channels times the kernel's area
   */
  public void kaiming(String name, long outputs, long... shape) {
    gaussian(name, Math.sqrt(2.0 / outputs), shape);
  }

  /** Normal values of any standard deviation, not truncated. */
  public void gaussian(String name, double std, long... shape) {
    RandomGenerator random = random(name);
    into.floats(name, shape, false, i -> random.nextGaussian() * std);
  }

  /** One value everywhere. */
  public void constant(String name, double value, long... shape) {
    into.floats(name, shape, value == 0, i -> value);
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

  /** Integers that are never trained. */
  public void longs(String name, Supplier<long[]> values, long... shape) {
    into.longs(name, shape, values);
  }

  private record Filling(StateDict state) implements Target {
    @Override
    public void floats(String name, long[] shape, boolean zero, IntToDoubleFunction source) {
      float[] values = new float[Math.toIntExact(Arrays.stream(shape).reduce(1, (a, b) -> a * b))];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) source.applyAsDouble(i);
      }
      // The copy is native memory that closing frees; DJL only wraps the buffer.
      try (NDArray wrapped = state.manager().create(values, new Shape(shape))) {
        state.put(name, wrapped.duplicate());
      }
    }

    @Override
    public void longs(String name, long[] shape, Supplier<long[]> values) {
      state.put(name, state.manager().create(values.get(), new Shape(shape)));
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
