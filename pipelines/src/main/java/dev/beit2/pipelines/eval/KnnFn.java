package dev.beit2.pipelines.eval;

import dev.beit2.model.eval.FeatureBlock;
import dev.beit2.model.eval.NearestNeighbours;
import dev.beit2.model.eval.NeighbourSearch;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.StageProgress;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.KV;

/**
 * Classifies a block of images by their nearest neighbours. All images that are searched pass
 * through, a row group at a time. The output are counts to be added up, see {@link Knn}.
 */
final class KnnFn extends DoFn<Knn.Block, KV<String, Long>> {
  private static final long serialVersionUID = 1L;
  private static final int TOP = 5;

  private final Knn knn;
  private final int torchThreads;
  private final StageProgress progress;

  private transient FeatureSequence known;
  private transient FeatureSequence asked;

  /**
   * @param torchThreads threads of one operation, see {@link Torch#setThreads}
   * @param progress counts the row groups that each block is compared with, for each vector
   */
  KnnFn(Knn knn, int torchThreads, StageProgress progress) {
    this.knn = knn;
    this.torchThreads = torchThreads;
    this.progress = progress;
  }

  @Setup
  public void setUp() throws IOException {
    Torch.setThreads(torchThreads);
    progress.open();
    known = new FeatureSequence(knn.known());
    asked = knn.leaveOneOut() ? known : new FeatureSequence(knn.asked());
  }

  @ProcessElement
  public void processElement(@Element Knn.Block block, OutputReceiver<KV<String, Long>> counts) {
    Map<String, Long> found = new TreeMap<>();
    Map<String, boolean[]> right = new TreeMap<>();
    for (String vector : knn.vectors()) {
      right.put(vector, classify(block, vector, found));
    }
    for (String vector : knn.vectors()) {
      boolean[] untrained = right.get(BackboneSet.UNTRAINED + vector);
      for (int i = 0; untrained != null && i < untrained.length; i++) {
        if (right.get(vector)[i] != untrained[i]) {
          add(found, untrained[i] ? Knn.worse(vector) : Knn.better(vector), 1);
        }
      }
    }
    found.forEach((name, count) -> counts.output(KV.of(name, count)));
  }

  /** Which images of the block are right with the first k. */
  private boolean[] classify(Knn.Block block, String vector, Map<String, Long> found) {
    FeatureBlock queries = asked.range(vector, block.from(), block.to());
    long own = knn.leaveOneOut() ? block.from() : NeighbourSearch.NOT_AMONG_THEM;
    // One block counts the classes, once.
    Set<Integer> classes =
        block.from() == 0 && vector.equals(knn.vectors().get(0)) ? new HashSet<>() : null;
    boolean[] right = new boolean[queries.labels().length];
    try (NeighbourSearch search =
        new NeighbourSearch(queries.features(), known.dim(vector), knn.most(), own)) {
      boolean first = true;
      do {
        boolean counted = first;
        known.forEach(
            vector,
            features -> {
              search.add(features);
              if (counted) {
                progress.count(0);
                addAll(classes, features.labels());
              }
            });
        first = false;
      } while (search.needsAnotherPass());
      for (int i = 0; i < right.length; i++) {
        for (int k : knn.ks()) {
          List<Integer> ranked =
              NearestNeighbours.classes(search.neighbours(i), k, NearestNeighbours.TEMPERATURE);
          int rank = ranked.indexOf(queries.labels()[i]);
          add(found, Knn.right(vector, k, 1), rank == 0 ? 1 : 0);
          add(found, Knn.right(vector, k, TOP), rank >= 0 && rank < TOP ? 1 : 0);
          right[i] = k == knn.ks().get(0) ? rank == 0 : right[i];
        }
      }
    }
    if (classes != null) {
      add(found, Knn.CLASSES, classes.size());
    }
    return right;
  }

  private static void addAll(Set<Integer> classes, int[] labels) {
    if (classes != null) {
      for (int label : labels) {
        classes.add(label);
      }
    }
  }

  private static void add(Map<String, Long> counts, String name, long count) {
    counts.merge(name, count, Long::sum);
  }

  @Teardown
  public void tearDown() throws IOException {
    progress.close();
  }
}
