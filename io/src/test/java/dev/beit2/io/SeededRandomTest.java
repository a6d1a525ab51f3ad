package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SeededRandomTest {
  /**
   * Data sets and checkpoints depend on these numbers, so a new version must not change them. The
   * same few lines in Python give the same numbers.
   */
  @Test
  void streamIsPinned() {
    assertEquals(-4463537460657818031L, SeededRandom.hash(0, "bird/bird_1.JPEG"));
    SeededRandom random = SeededRandom.of(42, "key", 7);
    assertEquals(-4779485572796307163L, random.nextLong());
    assertEquals(0.4501180771078217, random.nextDouble());
    assertEquals(705, random.nextInt(1000));
  }

  @Test
  void everyArgumentChangesTheStream() {
    Set<Long> firsts = new HashSet<>();
    for (SeededRandom random :
        new SeededRandom[] {
          SeededRandom.of(1, "a"),
          SeededRandom.of(2, "a"),
          SeededRandom.of(1, "b"),
          SeededRandom.of(1, "ab"),
          SeededRandom.of(1, ""),
          SeededRandom.of(1, "a", 0),
          SeededRandom.of(1, "a", 1),
          SeededRandom.of(1, "a", 0, 1),
          SeededRandom.of(1, "a", 1, 0)
        }) {
      firsts.add(random.nextLong());
    }
    assertEquals(9, firsts.size());
  }

  @Test
  void numbersAreUniform() {
    SeededRandom random = SeededRandom.of(3, "uniform");
    int[] buckets = new int[10];
    double sum = 0;
    double draws = 100_000;
    for (int i = 0; i < draws; i++) {
      buckets[random.nextInt(10)]++;
      double x = random.nextDouble(-1, 3);
      assertTrue(x >= -1 && x < 3);
      sum += x;
    }
    // Five standard deviations: 95 a bucket, 0.0037 of the mean.
    for (int count : buckets) {
      assertEquals(draws / 10, count, 475);
    }
    assertEquals(1.0, sum / draws, 0.0185);
  }

  @Test
  void gaussiansAreStandardNormal() {
    SeededRandom random = SeededRandom.of(8, "normal");
    int draws = 100_000;
    double sum = 0;
    double squares = 0;
    int withinOne = 0;
    for (int i = 0; i < draws; i++) {
      double value = random.nextGaussian();
      sum += value;
      squares += value * value;
      withinOne += Math.abs(value) < 1 ? 1 : 0;
    }
    // Five standard deviations.
    assertEquals(0, sum / draws, 0.016);
    assertEquals(1, squares / draws, 0.023);
    assertEquals(0.6827, withinOne / (double) draws, 0.0074);
  }

  /** Mean 1/2, variance 1 / (4 (2 alpha + 1)). */
  @Test
  void betasHaveTheirMeanAndVariance() {
    for (double alpha : new double[] {0.2, 0.8, 1, 3}) {
      SeededRandom random = SeededRandom.of(9, "beta " + alpha);
      int draws = 50_000;
      double sum = 0;
      double squares = 0;
      for (int i = 0; i < draws; i++) {
        double value = random.nextBeta(alpha);
        assertTrue(value >= 0 && value <= 1);
        sum += value;
        squares += (value - 0.5) * (value - 0.5);
      }
      assertEquals(0.5, sum / draws, 0.012);
      assertEquals(1 / (4 * (2 * alpha + 1)), squares / draws, 0.005, "alpha " + alpha);
    }
  }

  @Test
  void permutationContainsEveryIndexOnce() {
    for (int size : new int[] {0, 1, 2, 1000}) {
      int[] order = SeededRandom.of(5, "order", size).permutation(size);
      assertArrayEquals(
          IntStream.range(0, size).toArray(), Arrays.stream(order).sorted().toArray());
    }
  }

  /** Of three, all six orders come up equally often. */
  @Test
  void permutationsAreUniform() {
    int[] counts = new int[27];
    int draws = 60_000;
    for (int i = 0; i < draws; i++) {
      int[] order = SeededRandom.of(6, "three", i).permutation(3);
      counts[9 * order[0] + 3 * order[1] + order[2]]++;
    }
    assertEquals(6, Arrays.stream(counts).filter(count -> count > 0).count());
    assertTrue(Arrays.stream(counts).filter(count -> count > 0).allMatch(c -> c > 9_500));
  }

  @Test
  void boundMustBePositive() {
    SeededRandom random = SeededRandom.of(1, "bound");
    assertThrows(IllegalArgumentException.class, () -> random.nextInt(0));
  }
}
