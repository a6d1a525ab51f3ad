package dev.beit2.model.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class NearestNeighboursTest {
  private static Neighbour neighbour(double cosine, int label) {
    return new Neighbour(cosine, label, 0, 0);
  }

  @Test
  void nearerNeighboursHaveMoreWeight() {
    // Two neighbours of class 1 are further than one of class 0; the temperature decides.
    List<Neighbour> nearest = List.of(neighbour(1, 0), neighbour(0.9, 1), neighbour(0.9, 1));
    assertEquals(List.of(0, 1), NearestNeighbours.classes(nearest, 3, 0.07));
    assertEquals(List.of(1, 0), NearestNeighbours.classes(nearest, 3, 10));
  }

  @Test
  void onlyTheNearestVoteAndTiesGoToTheLowerClass() {
    List<Neighbour> nearest =
        List.of(neighbour(0.5, 7), neighbour(0.5, 3), neighbour(0.4, 7), neighbour(0.3, 9));
    assertEquals(List.of(7), NearestNeighbours.classes(nearest, 1, 0.07));
    assertEquals(List.of(3, 7), NearestNeighbours.classes(nearest, 2, 0.07));
    assertEquals(List.of(7, 3, 9), NearestNeighbours.classes(nearest, 10, 0.07));
    assertEquals(List.of(), NearestNeighbours.classes(List.of(), 10, 0.07));
  }
}
