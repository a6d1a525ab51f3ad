package dev.beit2.model.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NearestNeighboursTest {
  private static final float[][] TRAIN = {{1, 0}, {2, 0.1f}, {0, 1}, {0.1f, 3}, {-1, 0}};
  private static final int[] LABELS = {0, 0, 1, 1, 2};

  @Test
  void lengthsOfFeaturesDoNotMatter() {
    float[][] asked = {{50, 1}, {0.001f, 0.01f}, {-3, 0.1f}, {-1, -0.1f}};
    assertArrayEquals(
        new boolean[] {true, true, true, false},
        NearestNeighbours.classify(TRAIN, LABELS, asked, new int[] {0, 1, 2, 0}, 1, 0.07));
  }

  @Test
  void nearerNeighboursHaveMoreWeight() {
    // Two neighbours of class 1 are further than one of class 0; the temperature decides.
    float[][] train = {{1, 0}, {0.9f, 0.43f}, {0.9f, -0.43f}};
    int[] labels = {0, 1, 1};
    float[][] asked = {{1, 0}};
    int[] nearest = {0};
    assertTrue(NearestNeighbours.classify(train, labels, asked, nearest, 3, 0.07)[0]);
    assertFalse(NearestNeighbours.classify(train, labels, asked, nearest, 3, 10)[0]);
  }

  @Test
  void anImageDoesNotVoteForItself() {
    // The feature of class 2 is alone in its class, so that nobody else can name it.
    assertArrayEquals(
        new boolean[] {true, true, true, true, false},
        NearestNeighbours.classifyEach(TRAIN, LABELS, 1, 0.07));
  }

  /** Property: leaving one out is to classify each one by the list without it. */
  @Test
  void leavingOneOutIsClassifyingByTheOthers() {
    Random random = new Random(1);
    float[][] features = new float[40][3];
    int[] labels = new int[40];
    for (int i = 0; i < features.length; i++) {
      labels[i] = random.nextInt(4);
      for (int d = 0; d < 3; d++) {
        features[i][d] = (float) random.nextGaussian();
      }
    }
    boolean[] each = NearestNeighbours.classifyEach(features, labels, 5, 0.07);
    for (int i = 0; i < features.length; i++) {
      int left = i;
      int[] others = IntStream.range(0, features.length).filter(j -> j != left).toArray();
      boolean[] alone =
          NearestNeighbours.classify(
              Arrays.stream(others).mapToObj(j -> features[j]).toArray(float[][]::new),
              Arrays.stream(others).map(j -> labels[j]).toArray(),
              new float[][] {features[i]},
              new int[] {labels[i]},
              5,
              0.07);
      assertEquals(alone[0], each[i], "image " + i);
    }
  }
}
