package dev.beit2.pipelines.average;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.transforms.Combine.CombineFn;

/**
 * The mean of the workers' chunks. The sum is in fixed point, in multiples of 2⁻³⁶ up to 2²⁷. Sums
 * of integers, unlike sums of floats, do not depend on the order, so a repeated round gives
 * bit-identical parameters.
 */
final class MeanFn extends CombineFn<float[], MeanFn.Sum, float[]> {
  private static final long serialVersionUID = 1L;
  private static final double ONE = 0x1p36;

  /**
   * The sum of some workers' chunks. The chunk of a single worker stays in float, with half the
   * bytes: if each machine has one worker, only such chunks go through the shuffle.
   */
  static final class Sum {
    private int workers;
    private float[] single = {};
    private long[] values = {};

    private int length() {
      return workers == 1 ? single.length : values.length;
    }

    private void add(Sum other) {
      if (other.workers == 0) {
        return;
      }
      if (workers == 0) {
        workers = other.workers;
        single = other.single;
        values = other.values.clone();
        return;
      }
      if (length() != other.length()) {
        throw new IllegalStateException(
            "chunks of %d and %d values".formatted(length(), other.length()));
      }
      widen();
      for (int i = 0; i < values.length; i++) {
        long more = other.workers == 1 ? fixed(other.single[i]) : other.values[i];
        values[i] = Math.addExact(values[i], more);
      }
      workers += other.workers;
    }

    private void widen() {
      if (workers == 1) {
        values = new long[single.length];
        for (int i = 0; i < values.length; i++) {
          values[i] = fixed(single[i]);
        }
        single = new float[0];
      }
    }

    private static long fixed(float value) {
      double scaled = value * ONE;
      if (!(Math.abs(scaled) < Long.MAX_VALUE)) {
        throw new ArithmeticException("a value of " + value + " cannot be averaged");
      }
      return Math.round(scaled);
    }
  }

  @Override
  public Sum createAccumulator() {
    return new Sum();
  }

  @Override
  public Sum addInput(Sum sum, float[] chunk) {
    Sum one = new Sum();
    one.workers = 1;
    one.single = chunk;
    sum.add(one);
    return sum;
  }

  @Override
  public Sum mergeAccumulators(Iterable<Sum> sums) {
    Sum whole = new Sum();
    sums.forEach(whole::add);
    return whole;
  }

  @Override
  public float[] extractOutput(Sum sum) {
    if (sum.workers == 1) {
      return sum.single;
    }
    float[] mean = new float[sum.values.length];
    for (int i = 0; i < mean.length; i++) {
      mean[i] = (float) (sum.values[i] / ONE / sum.workers);
    }
    return mean;
  }

  @Override
  public Coder<Sum> getAccumulatorCoder(CoderRegistry registry, Coder<float[]> input) {
    return SumCoder.INSTANCE;
  }

  @Override
  public Coder<float[]> getDefaultOutputCoder(CoderRegistry registry, Coder<float[]> input) {
    return FloatsCoder.of();
  }

  private static final class SumCoder extends AtomicCoder<Sum> {
    private static final long serialVersionUID = 1L;
    private static final SumCoder INSTANCE = new SumCoder();

    @Override
    public void encode(Sum sum, OutputStream out) throws IOException {
      out.write(ByteBuffer.allocate(Integer.BYTES).putInt(sum.workers).array());
      if (sum.workers == 1) {
        FloatsCoder.of().encode(sum.single, out);
      } else {
        ByteBuffer bytes = ByteBuffer.allocate(Integer.BYTES + Long.BYTES * sum.values.length);
        bytes.putInt(sum.values.length).asLongBuffer().put(sum.values);
        out.write(bytes.array());
      }
    }

    @Override
    public Sum decode(InputStream in) throws IOException {
      DataInputStream data = new DataInputStream(in);
      Sum sum = new Sum();
      sum.workers = data.readInt();
      if (sum.workers == 1) {
        sum.single = FloatsCoder.of().decode(in);
      } else {
        sum.values = new long[data.readInt()];
        byte[] bytes = new byte[Long.BYTES * sum.values.length];
        data.readFully(bytes);
        ByteBuffer.wrap(bytes).asLongBuffer().get(sum.values);
      }
      return sum;
    }
  }
}
