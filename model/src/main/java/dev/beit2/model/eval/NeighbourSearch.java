package dev.beit2.model.eval;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import java.util.stream.IntStream;

/**
 * Finds the nearest neighbours of some features, the queries, among any number of others, which are
 * passed in blocks, two or three times:
 *
 * <pre>{@code
 * try (NeighbourSearch search = new NeighbourSearch(queries, dim, 200, NOT_AMONG_THEM)) {
 *   do {
 *     blocks.forEach(search::add);
 *   } while (search.needsAnotherPass());
 *   List<Neighbour> nearest = search.neighbours(0);
 * }
 * }</pre>
 *
 * <p>The result is that of an exhaustive search with cosines in double precision. The first pass
 * finds a few more candidates than there are neighbours, by products of float matrices. If rounding
 * may have kept a neighbour out, the query's candidates are found by products of double matrices in
 * another pass. The last pass computes the cosines of the candidates; of queries with so many equal
 * cosines that double products do not help either, those of all features.
 *
 * <p>Memory is that of the queries and their candidates. Not thread-safe.
 */
public final class NeighbourSearch implements AutoCloseable {
  /** The queries are not among the features. */
  public static final long NOT_AMONG_THEM = -1;

  /** Candidates more than neighbours. */
  private static final int MARGIN = 32;

  /** Features in one matrix product. */
  private static final int BLOCK = 1024;

  private static final int SLOT_BITS = 26;
  private static final double SHORTEST = 1e-12;

  private enum Pass {
    FLOAT,
    DOUBLE,
    EXACT,
    DONE
  }

  private final float[] queries;
  private final int count;
  private final int dim;
  private final int k;
  private final long own;
  private final double[] lengths;
  private final long[][]
      proposed; // of each query; null while they are not known, and if that fails
  private final List<List<Neighbour>> found = new ArrayList<>();
  private final NDManager manager = Torch.newManager();

  private Pass pass = Pass.FLOAT;
  private int[] active; // the queries that this pass finds candidates for
  private NDArray units; // those queries with the length 1, [n, D]
  private Candidates candidates;
  private long[] references; // position and query of each candidate, by position
  private int reference;
  private int[] exhaustive; // the queries for which candidates do not suffice
  private List<PriorityQueue<Neighbour>> nearest;
  private long next;

  /**
   * @param queries [m · D]
   * @param dim D
   * @param k number of neighbours of each query, fewer if there are not so many features
   * @param own position of the first query among the features if the queries are some of them, one
   *     after the other, so that none is its own neighbour; otherwise {@link #NOT_AMONG_THEM}
   */
  public NeighbourSearch(float[] queries, int dim, int k, long own) {
    this.queries = queries;
    this.dim = dim;
    this.count = queries.length / dim;
    this.k = k;
    this.own = own;
    if ((long) count * (k + MARGIN) >= 1L << SLOT_BITS) {
      throw new IllegalArgumentException(count + " queries with " + k + " neighbours each");
    }
    this.lengths = new double[count];
    this.proposed = new long[count][];
    for (int q = 0; q < count; q++) {
      lengths[q] = length(queries, q * dim);
      found.add(new ArrayList<>());
    }
    begin(IntStream.range(0, count).toArray());
  }

  /** The bytes of heap that each query takes. */
  public static long bytesPerQuery(int dim, int k) {
    return 2L * Float.BYTES * dim + 64L * (k + MARGIN) + 2L * Float.BYTES * BLOCK;
  }

  private void begin(int[] queriesOfPass) {
    active = queriesOfPass;
    units =
        pass == Pass.FLOAT ? floats(manager, queries, active) : doubles(manager, queries, active);
    candidates = new Candidates(active.length, k + MARGIN);
  }

  /** Takes the next features of this pass, in the order of their positions. */
  public void add(FeatureBlock block) {
    if (block.first() != next || block.features().length != block.count() * dim) {
      throw new IllegalArgumentException(
          "%d numbers from feature %d on, not %d from %d on"
              .formatted(block.features().length, block.first(), (long) block.count() * dim, next));
    }
    next += block.count();
    if (pass == Pass.EXACT) {
      compare(block);
      return;
    }
    for (int from = 0; from < block.count(); from += BLOCK) {
      propose(block, from, Math.min(BLOCK, block.count() - from));
    }
  }

  /** Ends a pass; false if the neighbours are known. */
  public boolean needsAnotherPass() {
    next = 0;
    if (pass == Pass.EXACT) {
      finish();
      pass = Pass.DONE;
      return false;
    }
    int[] unsure = keepProposals();
    units.close();
    if (unsure.length > 0 && pass == Pass.FLOAT) {
      pass = Pass.DOUBLE;
      begin(unsure);
    } else {
      pass = Pass.EXACT;
      beginExact(unsure);
    }
    return true;
  }

  /** The neighbours of a query, the nearest first; after the last pass. */
  public List<Neighbour> neighbours(int query) {
    if (pass != Pass.DONE) {
      throw new IllegalStateException("another pass is needed");
    }
    return found.get(query);
  }

  private void propose(FeatureBlock block, int from, int rows) {
    Kernels kernels = Kernels.of(Precision.FP32);
    try (NDManager step = manager.newSubManager()) {
      NDArray features =
          pass == Pass.FLOAT
              ? floats(step, block.features(), rows(from, rows))
              : doubles(step, block.features(), rows(from, rows));
      NDArray products = kernels.call(step, "products", units, features);
      long first = block.first() + from;
      if (pass == Pass.FLOAT) {
        keepNearest(products.toFloatArray(), rows, first);
      } else {
        keepNearest(products.toDoubleArray(), rows, first);
      }
    }
  }

  /** cosines [queries of the pass, rows] */
  private void keepNearest(float[] cosines, int rows, long first) {
    for (int a = 0; a < active.length; a++) {
      double threshold = candidates.threshold(a);
      for (int i = 0, at = a * rows; i < rows; i++, at++) {
        if (cosines[at] > threshold) {
          threshold = keep(a, cosines[at], first + i);
        }
      }
    }
  }

  private void keepNearest(double[] cosines, int rows, long first) {
    for (int a = 0; a < active.length; a++) {
      double threshold = candidates.threshold(a);
      for (int i = 0, at = a * rows; i < rows; i++, at++) {
        if (cosines[at] > threshold) {
          threshold = keep(a, cosines[at], first + i);
        }
      }
    }
  }

  private static int[] rows(int from, int count) {
    return IntStream.range(from, from + count).toArray();
  }

  private double keep(int a, double cosine, long position) {
    if (own == NOT_AMONG_THEM || position != own + active[a]) {
      candidates.add(a, cosine, position);
    }
    return candidates.threshold(a);
  }

  /** Some of the features, with the length 1: [n, D]. */
  private NDArray floats(NDManager manager, float[] features, int[] rows) {
    float[] units = new float[rows.length * dim];
    for (int i = 0; i < rows.length; i++) {
      double length = length(features, rows[i] * dim);
      for (int d = 0; d < dim; d++) {
        units[i * dim + d] = (float) (features[rows[i] * dim + d] / length);
      }
    }
    return manager.create(units, new Shape(rows.length, dim));
  }

  private NDArray doubles(NDManager manager, float[] features, int[] rows) {
    double[] units = new double[rows.length * dim];
    for (int i = 0; i < rows.length; i++) {
      double length = length(features, rows[i] * dim);
      for (int d = 0; d < dim; d++) {
        units[i * dim + d] = features[rows[i] * dim + d] / length;
      }
    }
    return manager.create(units, new Shape(rows.length, dim));
  }

  /**
   * Keeps the candidates of the queries for which no neighbour can be missing. Of two vectors of
   * length 1 the product of D terms, summed in any order, is wrong by at most (D + 4) units of the
   * last place. So one that is farther than the k-th by twice as much cannot be a neighbour.
   *
   * @return the other queries
   */
  private int[] keepProposals() {
    double unit = pass == Pass.FLOAT ? 0x1p-24 : 0x1p-52;
    List<Integer> unsure = new ArrayList<>();
    for (int a = 0; a < active.length; a++) {
      if (candidates.gapAfter(a, k) > 2 * (dim + 4) * unit) {
        proposed[active[a]] = candidates.positions(a);
      } else {
        unsure.add(active[a]);
      }
    }
    candidates = null;
    return unsure.stream().mapToInt(Integer::intValue).toArray();
  }

  private void beginExact(int[] unsure) {
    references =
        IntStream.range(0, count)
            .filter(q -> proposed[q] != null)
            .boxed()
            .flatMapToLong(q -> Arrays.stream(proposed[q]).map(p -> p << SLOT_BITS | q))
            .sorted()
            .toArray();
    reference = 0;
    exhaustive = unsure;
    nearest = new ArrayList<>();
    Comparator<Neighbour> farthestFirst = Neighbour.ORDER.reversed();
    for (int i = 0; i < unsure.length; i++) {
      nearest.add(new PriorityQueue<>(farthestFirst));
    }
  }

  private void compare(FeatureBlock block) {
    long end = block.first() + block.count();
    long position = -1;
    double length = 0;
    for (; reference < references.length; reference++) {
      long candidate = references[reference] >>> SLOT_BITS;
      if (candidate >= end) {
        break;
      }
      int row = (int) (candidate - block.first());
      if (candidate != position) {
        position = candidate;
        length = length(block.features(), row * dim);
      }
      int query = (int) (references[reference] & ((1 << SLOT_BITS) - 1));
      found.get(query).add(neighbour(query, block, row, length));
    }
    if (exhaustive.length > 0) {
      compareWithAll(block);
    }
  }

  private void compareWithAll(FeatureBlock block) {
    for (int row = 0; row < block.count(); row++) {
      double length = length(block.features(), row * dim);
      for (int i = 0; i < exhaustive.length; i++) {
        int query = exhaustive[i];
        if (own == NOT_AMONG_THEM || block.first() + row != own + query) {
          nearest.get(i).add(neighbour(query, block, row, length));
          if (nearest.get(i).size() > k) {
            nearest.get(i).remove();
          }
        }
      }
    }
  }

  private Neighbour neighbour(int query, FeatureBlock block, int row, double length) {
    double cosine =
        dot(queries, query * dim, block.features(), row * dim) / (lengths[query] * length);
    return new Neighbour(cosine, block.labels()[row], block.ties()[row], block.first() + row);
  }

  private void finish() {
    for (int i = 0; i < exhaustive.length; i++) {
      found.get(exhaustive[i]).addAll(nearest.get(i));
    }
    for (List<Neighbour> neighbours : found) {
      neighbours.sort(Neighbour.ORDER);
      if (neighbours.size() > k) {
        neighbours.subList(k, neighbours.size()).clear();
      }
    }
    nearest = null;
    references = null;
  }

  private double length(float[] features, int from) {
    return Math.max(Math.sqrt(dot(features, from, features, from)), SHORTEST);
  }

  /** Products of floats are exact in double precision. Four sums, always the same ones. */
  private double dot(float[] a, int fromA, float[] b, int fromB) {
    double sum0 = 0;
    double sum1 = 0;
    double sum2 = 0;
    double sum3 = 0;
    int d = 0;
    for (; d + 3 < dim; d += 4) {
      sum0 += (double) a[fromA + d] * b[fromB + d];
      sum1 += (double) a[fromA + d + 1] * b[fromB + d + 1];
      sum2 += (double) a[fromA + d + 2] * b[fromB + d + 2];
      sum3 += (double) a[fromA + d + 3] * b[fromB + d + 3];
    }
    for (; d < dim; d++) {
      sum0 += (double) a[fromA + d] * b[fromB + d];
    }
    return (sum0 + sum1) + (sum2 + sum3);
  }

  @Override
  public void close() {
    manager.close();
  }
}
