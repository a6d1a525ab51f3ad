package dev.beit2.model.eval;

/**
 * Some of the features among which neighbours are searched.
 *
 * @param first number of the first one among all of them
 * @param features [n · D]
 * @param labels [n]
 * @param ties [n], see {@link Neighbour#tie}
 */
@SuppressWarnings("ArrayRecordComponent") // megabytes, read once
public record FeatureBlock(long first, float[] features, int[] labels, long[] ties) {
  int count() {
    return labels.length;
  }
}
