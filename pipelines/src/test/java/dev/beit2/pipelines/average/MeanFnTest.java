package dev.beit2.pipelines.average;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.train.Averaging;
import dev.beit2.pipelines.average.MeanFn.Sum;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderException;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.testing.CoderProperties;
import org.apache.beam.sdk.util.CoderUtils;
import org.junit.jupiter.api.Test;

/** The mean of chunks, and the coders of its parts. */
final class MeanFnTest {
  private static final MeanFn MEAN = new MeanFn();
  private static final Coder<Sum> SUMS =
      MEAN.getAccumulatorCoder(CoderRegistry.createDefault(), FloatsCoder.of());

  private static float[] random(Random random, int length) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (random.nextGaussian() * Math.pow(10, random.nextInt(9) - 6));
    }
    return values;
  }

  private static Sum sum(List<float[]> chunks) {
    Sum sum = MEAN.createAccumulator();
    for (float[] chunk : chunks) {
      sum = MEAN.addInput(sum, chunk);
    }
    return sum;
  }

  private static float[] mean(float[]... chunks) {
    return MEAN.extractOutput(sum(List.of(chunks)));
  }

  /** Adds the chunks in some order to some accumulators, which are merged some at a time. */
  private static float[] meanInSomeOrder(List<float[]> chunks, Random random)
      throws CoderException {
    List<float[]> shuffled = new ArrayList<>(chunks);
    Collections.shuffle(shuffled, random);
    List<Sum> sums = new ArrayList<>();
    for (int from = 0; from < shuffled.size(); ) {
      int to = from + random.nextInt(shuffled.size() - from + 1); // of none, too
      sums.add(sum(shuffled.subList(from, to)));
      from = to;
    }
    while (sums.size() > 1) {
      Collections.shuffle(sums, random);
      List<Sum> some = sums.subList(0, 1 + random.nextInt(sums.size()));
      Sum merged = CoderUtils.clone(SUMS, MEAN.mergeAccumulators(List.copyOf(some)));
      some.clear();
      sums.add(merged);
    }
    return MEAN.extractOutput(sums.get(0));
  }

  @Test
  void neitherTheOrderNorTheGroupingChangesABit() throws CoderException {
    Random random = new Random(1);
    for (int workers = 1; workers <= 12; workers++) {
      List<float[]> chunks = new ArrayList<>();
      double[] plain = new double[7];
      for (int worker = 0; worker < workers; worker++) {
        float[] chunk = random(random, plain.length);
        chunks.add(chunk);
        for (int i = 0; i < plain.length; i++) {
          plain[i] += (double) chunk[i] / workers;
        }
      }
      float[] mean = MEAN.extractOutput(sum(chunks));
      for (int i = 0; i < plain.length; i++) {
        assertEquals(plain[i], mean[i], 0x1p-37 + Math.ulp(mean[i]));
      }
      for (int trial = 0; trial < 20; trial++) {
        assertArrayEquals(mean, meanInSomeOrder(chunks, random));
      }
    }
  }

  @Test
  void equalChunksAreTheirOwnMean() {
    Random random = new Random(2);
    for (int workers : new int[] {1, 2, 3, 7, 100}) {
      float[] chunk = new float[50];
      for (int i = 0; i < chunk.length; i++) {
        chunk[i] = (float) Math.scalb(1 + random.nextDouble(), random.nextInt(30) - 12);
      }
      assertArrayEquals(chunk, MEAN.extractOutput(sum(Collections.nCopies(workers, chunk))));
    }
  }

  @Test
  void valuesWithoutAMeanAreRefused() {
    float[] sound = {1, 0};
    for (float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY, 1.5e8f, -1.5e8f}) {
      float[] wrong = {1, value};
      for (List<float[]> chunks : List.of(List.of(sound, wrong), List.of(wrong, sound))) {
        ArithmeticException refused =
            assertThrows(ArithmeticException.class, () -> MEAN.extractOutput(sum(chunks)));
        assertEquals("a value of " + value + " cannot be averaged", refused.getMessage());
      }
    }
    float[] large = {1e8f};
    assertArrayEquals(large, mean(large));
    assertThrows(ArithmeticException.class, () -> mean(large, large));
    Sum one = sum(List.of(large));
    assertThrows(ArithmeticException.class, () -> MEAN.mergeAccumulators(List.of(one, one)));
    assertThrows(IllegalStateException.class, () -> mean(new float[2], new float[3]));
  }

  @Test
  void theLargestAccumulatorTakesAtMost4Megabytes() throws CoderException {
    float[] chunk = new float[500_000];
    int one = CoderUtils.encodeToByteArray(SUMS, sum(List.of(chunk))).length;
    int two = CoderUtils.encodeToByteArray(SUMS, sum(List.of(chunk, chunk))).length;
    assertTrue(two > one && two <= 4 * 1024 * 1024, () -> one + " and " + two + " bytes");
  }

  @Test
  void sumsAreEncodedAndDecoded() throws CoderException {
    Random random = new Random(3);
    for (int workers = 0; workers < 4; workers++) {
      List<float[]> chunks = new ArrayList<>();
      for (int worker = 0; worker < workers; worker++) {
        chunks.add(random(random, 5));
      }
      byte[] bytes = CoderUtils.encodeToByteArray(SUMS, sum(chunks));
      Sum back = CoderUtils.decodeFromByteArray(SUMS, bytes);
      assertArrayEquals(bytes, CoderUtils.encodeToByteArray(SUMS, back));
      back = MEAN.addInput(back, new float[] {1, 2, 3, 4, 5});
      chunks.add(new float[] {1, 2, 3, 4, 5});
      assertArrayEquals(MEAN.extractOutput(sum(chunks)), MEAN.extractOutput(back));
    }
  }

  @Test
  void keysAndValuesAreEncodedAndDecoded() throws Exception {
    float[] values = {0, -0f, 1.5f, Float.NaN, Float.NEGATIVE_INFINITY, Float.MIN_VALUE};
    for (Coder.Context context : List.of(Coder.Context.NESTED, Coder.Context.OUTER)) {
      CoderProperties.coderDecodeEncodeEqualInContext(FloatsCoder.of(), context, values);
      CoderProperties.coderDecodeEncodeEqualInContext(FloatsCoder.of(), context, new float[0]);
    }
    assertArrayEquals(values, CoderUtils.clone(FloatsCoder.of(), values));
    for (Averaging averaging : Averaging.values()) {
      ChunkKey key = new ChunkKey("blocks.0.mlp/ü", 1L << 40, 768, averaging);
      CoderProperties.coderDecodeEncodeEqual(ChunkKey.CODER, key);
      CoderProperties.coderDeterministic(
          ChunkKey.CODER, key, new ChunkKey(key.tensor(), 1L << 40, 768, averaging));
      CoderProperties.coderConsistentWithEquals(
          ChunkKey.CODER, key, new ChunkKey("a", 0, 1, averaging));
    }
  }
}
