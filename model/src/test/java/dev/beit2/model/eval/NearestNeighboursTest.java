package dev.beit2.model.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class NearestNeighboursTest {
  private static final float[][] TRAIN = {{1, 0}, {2, 0.1f}, {0, 1}, {0.1f, 3}, {-1, 0}};
  private static final int[] LABELS = {0, 0, 1, 1, 2};

  @Test
  void lengthsOfFeaturesDoNotMatter() {
    float[][] asked = {{50, 1}, {0.001f, 0.01f}, {-3, 0.1f}, {-1, -0.1f}};
    assertEquals(
        0.75,
        NearestNeighbours.accuracy(TRAIN, LABELS, asked, new int[] {0, 1, 2, 0}, 1, 0.07),
        1e-12);
  }

  @Test
  void nearerNeighboursHaveMoreWeight() {
    // Two neighbours of class 1 are further than one of class 0; the temperature decides.
    float[][] train = {{1, 0}, {0.9f, 0.43f}, {0.9f, -0.43f}};
    int[] labels = {0, 1, 1};
    float[][] asked = {{1, 0}};
    assertEquals(
        1, NearestNeighbours.accuracy(train, labels, asked, new int[] {0}, 3, 0.07), 1e-12);
    assertEquals(1, NearestNeighbours.accuracy(train, labels, asked, new int[] {1}, 3, 10), 1e-12);
  }
}
