package dev.beit2.pipelines;

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
 * The mean of the workers' chunks. The sum is kept in fixed point, in multiples of 2⁻³⁶ up to 2²⁷:
 * unlike floats, integers add up to the same number whoever comes first, and a round that is done
 * again ends with the same parameters to the bit.
 */
final class MeanOfWorkers extends CombineFn<float[], MeanOfWorkers.Sum, float[]> {
  private static final long serialVersionUID = 1L;
  private static final double ONE = 0x1p36;

  /** What some workers' chunks add up to. */
  static final class Sum {
    private int workers;
    private long[] values = {};
  }

  @Override
  public Sum createAccumulator() {
    return new Sum();
  }

  @Override
  public Sum addInput(Sum sum, float[] chunk) {
    long[] values = room(sum, chunk.length);
    for (int i = 0; i < values.length; i++) {
      double scaled = chunk[i] * ONE;
      if (!(Math.abs(scaled) < Long.MAX_VALUE)) {
        throw new ArithmeticException("a value of " + chunk[i] + " cannot be averaged");
      }
      values[i] = Math.addExact(values[i], Math.round(scaled));
    }
    sum.workers++;
    return sum;
  }

  @Override
  public Sum mergeAccumulators(Iterable<Sum> sums) {
    Sum whole = new Sum();
    for (Sum sum : sums) {
      if (sum.workers == 0) {
        continue;
      }
      long[] values = room(whole, sum.values.length);
      for (int i = 0; i < values.length; i++) {
        values[i] = Math.addExact(values[i], sum.values[i]);
      }
      whole.workers += sum.workers;
    }
    return whole;
  }

  private static long[] room(Sum sum, int length) {
    if (sum.workers == 0) {
      sum.values = new long[length];
    } else if (sum.values.length != length) {
      throw new IllegalStateException(
          "chunks of %d and %d values".formatted(sum.values.length, length));
    }
    return sum.values;
  }

  @Override
  public float[] extractOutput(Sum sum) {
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
      ByteBuffer bytes = ByteBuffer.allocate(2 * Integer.BYTES + Long.BYTES * sum.values.length);
      bytes.putInt(sum.workers).putInt(sum.values.length).asLongBuffer().put(sum.values);
      out.write(bytes.array());
    }

    @Override
    public Sum decode(InputStream in) throws IOException {
      DataInputStream data = new DataInputStream(in);
      Sum sum = new Sum();
      sum.workers = data.readInt();
      sum.values = new long[data.readInt()];
      byte[] bytes = new byte[Long.BYTES * sum.values.length];
      data.readFully(bytes);
      ByteBuffer.wrap(bytes).asLongBuffer().get(sum.values);
      return sum;
    }
  }
}
