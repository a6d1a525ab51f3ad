package dev.beit2.pipelines.eval;

import dev.beit2.io.shard.FeatureManifest;
import java.io.Serializable;

/**
 * A complete set of features that a measure reads.
 *
 * @param option that names it, with its dashes
 * @param given the option's value
 * @param folder of the features
 */
record MeasuredSet(String option, String given, String folder) implements Serializable {
  private static final long serialVersionUID = 1L;

  FeatureManifest manifest() {
    return FeatureManifest.read(folder);
  }

  /** The option as it was given. */
  String label() {
    return option + "=" + given;
  }
}
