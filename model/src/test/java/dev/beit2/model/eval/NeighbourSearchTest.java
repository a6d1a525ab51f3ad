package dev.beit2.model.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/** Holds the search against an exhaustive one, whose cosines are in double precision. */
class NeighbourSearchTest {
  private static float[] gaussian(Random random, int count, int dim) {
    float[] features = new float[count * dim];
    for (int i = 0; i < features.length; i++) {
      features[i] = (float) random.nextGaussian();
    }
    return features;
  }

  /** The block with the features from one on. */
  private static FeatureBlock block(float[] features, int dim, int from, int to) {
    return new FeatureBlock(
        from,
        Arrays.copyOfRange(features, from * dim, to * dim),
        IntStream.range(from, to).map(i -> i % 5).toArray(),
        LongStream.range(from, to).map(NeighbourSearchTest::tie).toArray());
  }

  /** Lower for later features, so that the tie is seen to decide before the position. */
  private static long tie(long position) {
    return -1 - position;
  }

  private record Found(List<List<Neighbour>> neighbours, int passes) {}

  private static Found search(
      float[] queries, float[] features, int dim, int k, long own, int blockSize) {
    int count = features.length / dim;
    int passes = 0;
    try (NeighbourSearch search = new NeighbourSearch(queries, dim, k, own)) {
      do {
        for (int from = 0; from < count; from += blockSize) {
          search.add(block(features, dim, from, Math.min(count, from + blockSize)));
        }
        passes++;
      } while (search.needsAnotherPass());
      return new Found(
          IntStream.range(0, queries.length / dim).mapToObj(search::neighbours).toList(), passes);
    }
  }

  private static List<Neighbour> reference(
      float[] queries, int query, float[] features, int dim, int k, long own) {
    List<Neighbour> all = new ArrayList<>();
    for (int i = 0; i < features.length / dim; i++) {
      double dot = 0;
      double a = 0;
      double b = 0;
      for (int d = 0; d < dim; d++) {
        double x = queries[query * dim + d];
        double y = features[i * dim + d];
        dot += x * y;
        a += x * x;
        b += y * y;
      }
      if (own < 0 || i != own + query) {
        all.add(new Neighbour(dot / Math.sqrt(a * b), i % 5, tie(i), i));
      }
    }
    all.sort(
        Comparator.comparingDouble(Neighbour::cosine)
            .reversed()
            .thenComparing(Neighbour::tie, Long::compareUnsigned));
    return all.subList(0, Math.min(k, all.size()));
  }

  private static void assertExact(
      Found found, float[] queries, float[] features, int dim, int k, long own) {
    for (int q = 0; q < queries.length / dim; q++) {
      List<Neighbour> wanted = reference(queries, q, features, dim, k, own);
      List<Neighbour> neighbours = found.neighbours().get(q);
      assertEquals(
          wanted.stream().map(Neighbour::position).toList(),
          neighbours.stream().map(Neighbour::position).toList(),
          "neighbours of query " + q);
      for (int i = 0; i < wanted.size(); i++) {
        assertEquals(wanted.get(i).cosine(), neighbours.get(i).cosine(), 1e-12);
        assertEquals(wanted.get(i).label(), neighbours.get(i).label());
      }
    }
  }

  @Test
  void neighboursAreThoseOfAnExhaustiveSearch() {
    Random random = new Random(1);
    for (int dim : new int[] {3, 64}) {
      float[] features = gaussian(random, 2500, dim);
      float[] queries = gaussian(random, 40, dim);
      Found found = search(queries, features, dim, 20, NeighbourSearch.NOT_AMONG_THEM, 1100);
      assertExact(found, queries, features, dim, 20, -1);
      assertEquals(2, found.passes(), "float products suffice here");
    }
  }

  /** Features that differ less than floats of their products do: double products decide. */
  @Test
  void neighboursAreExactWhereFloatsCannotTellThemApart() {
    Random random = new Random(2);
    int dim = 48;
    float[] features = gaussian(random, 600, dim);
    for (int i = 0; i < features.length; i++) {
      features[i] = 1 + 1e-4f * features[i];
    }
    Found found = search(features, features, dim, 10, 0, 256);
    assertEquals(3, found.passes());
    assertExact(found, features, features, dim, 10, 0);
  }

  @Test
  void equalFeaturesComeInTheOrderOfTheirTies() {
    float[] features = new float[300 * 4];
    Arrays.fill(features, 0.5f);
    float[] queries = {1, 2, 3, 4};
    Found found = search(queries, features, 4, 10, NeighbourSearch.NOT_AMONG_THEM, 100);
    assertEquals(
        IntStream.range(0, 10).mapToObj(i -> 299L - i).toList(),
        found.neighbours().get(0).stream().map(Neighbour::position).toList());
  }

  /** Property: neither the blocks nor the number of queries nor k change a neighbour. */
  @Test
  void neighboursDoNotDependOnBlocks() {
    Random random = new Random(3);
    int dim = 16;
    float[] features = gaussian(random, 700, dim);
    float[] queries = gaussian(random, 9, dim);
    List<List<Neighbour>> whole =
        search(queries, features, dim, 20, NeighbourSearch.NOT_AMONG_THEM, 700).neighbours();
    for (int size : new int[] {1, 33, 699}) {
      assertEquals(
          whole,
          search(queries, features, dim, 20, NeighbourSearch.NOT_AMONG_THEM, size).neighbours());
    }
    for (int q = 0; q < 9; q++) {
      float[] alone = Arrays.copyOfRange(queries, q * dim, (q + 1) * dim);
      assertEquals(
          whole.get(q).subList(0, 5),
          search(alone, features, dim, 5, NeighbourSearch.NOT_AMONG_THEM, 100).neighbours().get(0));
    }
  }

  @Test
  void aFeatureIsNotItsOwnNeighbour() {
    Random random = new Random(4);
    int dim = 8;
    float[] features = gaussian(random, 50, dim);
    float[] some = Arrays.copyOfRange(features, 20 * dim, 30 * dim);
    Found found = search(some, features, dim, 100, 20, 7);
    assertExact(found, some, features, dim, 100, 20);
    for (int q = 0; q < 10; q++) {
      assertEquals(49, found.neighbours().get(q).size());
      long own = 20L + q;
      assertTrue(found.neighbours().get(q).stream().noneMatch(n -> n.position() == own));
    }
  }

  @Test
  void lengthsOfFeaturesDoNotMatterAndZeroHasNoDirection() {
    float[] features = {1, 0, 200, 10, 0, 0, 0, 1e-3f};
    List<Neighbour> nearest =
        search(new float[] {7, 0}, features, 2, 4, NeighbourSearch.NOT_AMONG_THEM, 4)
            .neighbours()
            .get(0);
    assertEquals(List.of(0L, 1L, 3L, 2L), nearest.stream().map(Neighbour::position).toList());
    assertEquals(0, nearest.get(3).cosine());
  }

  @Test
  void blocksOutOfOrderAreRefused() {
    try (NeighbourSearch search = new NeighbourSearch(new float[2], 2, 1, 0)) {
      assertThrows(IllegalArgumentException.class, () -> search.add(block(new float[8], 2, 1, 2)));
    }
  }
}
