package dev.beit2.model.eval;

import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * k-NN classification with votes weighted by exp(cosine / temperature), as in DINO's evaluation
 * (arXiv 2104.14294).
 */
public final class NearestNeighbours {
  /** DINO's. */
  public static final double TEMPERATURE = 0.07;

  private NearestNeighbours() {}

  /**
   * The classes of the nearest neighbours by their votes, the first one being the prediction. Ties
   * go to the lower class.
   *
   * @param nearest neighbours, the nearest first
   * @param k how many of them vote
   */
  public static List<Integer> classes(List<Neighbour> nearest, int k, double temperature) {
    Map<Integer, Double> votes = new TreeMap<>();
    for (Neighbour neighbour : nearest.subList(0, Math.min(k, nearest.size()))) {
      votes.merge(neighbour.label(), Math.exp(neighbour.cosine() / temperature), Double::sum);
    }
    // The sort is stable, and the map in the order of the classes.
    return votes.entrySet().stream()
        .sorted(Map.Entry.<Integer, Double>comparingByValue(Comparator.reverseOrder()))
        .map(Map.Entry::getKey)
        .toList();
  }
}
