package dev.beit2.pipelines.eval;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.eval.LinearProbe;
import dev.beit2.model.eval.ProbeConfig;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * What a linear probe trains.
 *
 * @param vectors of the features, each with heads of its own
 * @param labels of all images, ascending; a class is the index of its label
 * @param output folder
 */
record ProbeSpec(
    MeasuredSet train,
    MeasuredSet validation,
    List<String> vectors,
    ProbeConfig config,
    List<Integer> labels,
    String output)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  ProbeSpec {
    // Serializable lists.
    vectors = new ArrayList<>(vectors);
    labels = new ArrayList<>(labels);
  }

  /** The result of a seed, once it is finished. */
  StoredFile result(long seed) {
    return StoredFile.in(output, "seeds/seed-%d.json".formatted(seed));
  }

  /** The heads of a seed that is not finished. */
  StoredFile heads(long seed) {
    return StoredFile.in(output, "seeds/seed-%d.safetensors".formatted(seed));
  }

  List<LinearProbe.Head> heads() {
    return LinearProbe.heads(vectors, config.rates());
  }
}
