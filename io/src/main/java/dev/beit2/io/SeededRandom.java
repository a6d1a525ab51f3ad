package dev.beit2.io;

import static java.util.Objects.requireNonNull;

/**
 * Random numbers that are a pure function of a seed and of what they are for. They are the same on
 * every machine, JVM and version, so a restarted or repeated task draws the same numbers.
 *
 * <p>The stream is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
 * generators", 2014). It is implemented here because {@code java.util.SplittableRandom} specifies
 * its algorithm, but not how bounded numbers and doubles are derived from it. The initial state is
 * {@link #hash} of the seed and the key; the numbers are mixed in the same way.
 *
 * <p>Not thread-safe; instances are cheap.
 */
public final class SeededRandom {
  private static final long GOLDEN_GAMMA = 0x9E3779B97F4A7C15L;

  private long state;

  private SeededRandom(long state) {
    this.state = state;
  }

  /**
   * The stream for this seed, key and numbers. Any other seed, key or numbers give another stream.
   */
  public static SeededRandom of(long seed, String key, long... numbers) {
    long state = hash(seed, key);
    for (long number : numbers) {
      state = mix(state ^ mix(number + GOLDEN_GAMMA));
    }
    return new SeededRandom(state);
  }

  /**
   * A 64-bit hash of the seed and the key, which passes char by char through SplitMix64's
   * finalizer.
   */
  public static long hash(long seed, String key) {
    requireNonNull(key, "key is null");
    long hash = mix(seed + GOLDEN_GAMMA);
    for (int i = 0; i < key.length(); i++) {
      hash = mix((hash + GOLDEN_GAMMA) ^ key.charAt(i));
    }
    return hash;
  }

  public long nextLong() {
    state += GOLDEN_GAMMA;
    return mix(state);
  }

  /** Uniform in [0, 1), a multiple of 2^-53. */
  public double nextDouble() {
    return (nextLong() >>> 11) * 0x1p-53;
  }

  /** Uniform in [from, to), or {@code from} where they are equal. */
  public double nextDouble(double from, double to) {
    return from + (to - from) * nextDouble();
  }

  /** Uniform in [0, bound), up to a bias of bound / 2^32. */
  public int nextInt(int bound) {
    if (bound <= 0) {
      throw new IllegalArgumentException("bound is " + bound + ", must be positive");
    }
    return (int) (((nextLong() >>> 32) * bound) >>> 32);
  }

  /** Standard normal (Box–Muller). */
  public double nextGaussian() {
    double radius = StrictMath.sqrt(-2 * StrictMath.log(1 - nextDouble()));
    return radius * StrictMath.cos(2 * Math.PI * nextDouble());
  }

  /**
   * From the Beta distribution with both parameters alpha (Jöhnk's method, whose time grows with
   * alpha).
   *
   * @param alpha positive, at most a few
   */
  public double nextBeta(double alpha) {
    while (true) {
      double x = StrictMath.pow(1 - nextDouble(), 1 / alpha);
      double y = StrictMath.pow(1 - nextDouble(), 1 / alpha);
      if (x + y <= 1 && x + y > 0) {
        return x / (x + y);
      }
    }
  }

  /** 0 … size−1 in random order (Fisher–Yates). */
  public int[] permutation(int size) {
    int[] order = new int[size];
    for (int i = 0; i < size; i++) {
      int j = nextInt(i + 1);
      order[i] = order[j];
      order[j] = i;
    }
    return order;
  }

  /**
   * SplitMix64's finalizer: a bijection in which each bit of the input changes half of the output.
   */
  public static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
    z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
    return z ^ (z >>> 31);
  }
}
