package dev.beit2.model.eval;

import java.util.Arrays;

/** The nearest features that were offered for each of some queries: a bounded heap for each. */
final class Candidates {
  private final int capacity;
  private final double[] cosines; // of query q from q · capacity on, the least one first
  private final long[] positions;
  private final int[] sizes;

  Candidates(int queries, int capacity) {
    this.capacity = capacity;
    this.cosines = new double[Math.multiplyExact(queries, capacity)];
    this.positions = new long[cosines.length];
    this.sizes = new int[queries];
  }

  /** A feature that is not nearer than this is not kept. */
  double threshold(int query) {
    return sizes[query] < capacity ? Double.NEGATIVE_INFINITY : cosines[query * capacity];
  }

  /** Keeps a feature that is nearer than {@link #threshold}, instead of the farthest one. */
  void add(int query, double cosine, long position) {
    int base = query * capacity;
    int at;
    if (sizes[query] < capacity) {
      at = sizes[query]++;
      while (at > 0 && cosines[base + (at - 1) / 2] > cosine) {
        move(base, (at - 1) / 2, at);
        at = (at - 1) / 2;
      }
    } else {
      at = 0;
      int child = lesserChild(base, at);
      while (child < capacity && cosines[base + child] < cosine) {
        move(base, child, at);
        at = child;
        child = lesserChild(base, at);
      }
    }
    cosines[base + at] = cosine;
    positions[base + at] = position;
  }

  private int lesserChild(int base, int at) {
    int left = 2 * at + 1;
    return left + 1 < capacity && cosines[base + left + 1] < cosines[base + left] ? left + 1 : left;
  }

  private void move(int base, int from, int to) {
    cosines[base + to] = cosines[base + from];
    positions[base + to] = positions[base + from];
  }

  /** How much farther the farthest one that is kept is than the k-th; infinite if all are kept. */
  double gapAfter(int query, int k) {
    if (sizes[query] < capacity) {
      return Double.POSITIVE_INFINITY;
    }
    double[] sorted = Arrays.copyOfRange(cosines, query * capacity, (query + 1) * capacity);
    Arrays.sort(sorted);
    return sorted[capacity - k] - sorted[0];
  }

  /** The positions of the features that are kept, in no particular order. */
  long[] positions(int query) {
    return Arrays.copyOfRange(positions, query * capacity, query * capacity + sizes[query]);
  }
}
