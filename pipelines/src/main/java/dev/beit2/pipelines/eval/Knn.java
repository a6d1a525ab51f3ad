package dev.beit2.pipelines.eval;

import dev.beit2.io.Json;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.beam.sdk.coders.Coder;

/**
 * What k-NN classification measures.
 *
 * @param known sets that are searched for neighbours
 * @param asked sets whose images are classified
 * @param leaveOneOut whether these are the same, and an image is not its own neighbour
 * @param vectors by which neighbours are found
 * @param ks numbers of neighbours
 */
record Knn(
    List<MeasuredSet> known,
    List<MeasuredSet> asked,
    boolean leaveOneOut,
    List<String> vectors,
    List<Integer> ks)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  Knn {
    // Serializable lists.
    known = new ArrayList<>(known);
    asked = new ArrayList<>(asked);
    vectors = new ArrayList<>(vectors);
    ks = new ArrayList<>(ks);
  }

  /** The largest k. */
  int most() {
    return Collections.max(ks);
  }

  /** Images that are classified together. */
  record Block(long from, long to) {
    static final Coder<Block> CODER = Json.coder(Block.class);
  }

  /** The names of the counts that add up to the accuracies. */
  static String right(String vector, int k, int of) {
    return vector + "/" + k + "/top" + of;
  }

  static String better(String vector) {
    return vector + "/better than untrained";
  }

  static String worse(String vector) {
    return vector + "/worse than untrained";
  }

  static final String CLASSES = "classes";
}
