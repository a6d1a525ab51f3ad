package dev.beit2.model.eval;

import java.util.Comparator;

/**
 * A neighbour of a feature.
 *
 * @param cosine of the two features, −1 to 1
 * @param label its class
 * @param tie decides between neighbours of the same cosine: the lower one, unsigned, comes first
 * @param position its number among all features; decides if even the ties are the same
 */
public record Neighbour(double cosine, int label, long tie, long position) {
  /** The nearest first. */
  static final Comparator<Neighbour> ORDER =
      Comparator.comparingDouble(Neighbour::cosine)
          .reversed()
          .thenComparing(Neighbour::tie, Long::compareUnsigned)
          .thenComparingLong(Neighbour::position);
}
