package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.SeededRandom;
import java.nio.FloatBuffer;
import org.junit.jupiter.api.Test;

class RandomErasingTest {
  private static final int SIDE = 64;
  private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
  private static final float[] STD = {0.229f, 0.224f, 0.225f};

  /** A value that noise practically never has. */
  private static final float KEPT = 99;

  private static float[] erased(double probability, long number) {
    FloatBuffer image = FloatBuffer.allocate(3 * SIDE * SIDE);
    while (image.hasRemaining()) {
      image.put(KEPT);
    }
    new RandomErasing(probability).apply(image.flip(), SIDE, MEAN, STD, 1, "a", number);
    return image.array();
  }

  @Test
  void aBoxBecomesNoiseOfTheGivenMeanAndDeviation() {
    double[] sum = new double[3];
    double[] squares = new double[3];
    long values = 0;
    for (int number = 0; number < 100; number++) {
      float[] image = erased(1, number);
      int erased = 0;
      for (int i = 0; i < SIDE * SIDE; i++) {
        if (image[i] != KEPT) {
          erased++;
          for (int channel = 0; channel < 3; channel++) {
            double value = (image[i + channel * SIDE * SIDE] - MEAN[channel]) / STD[channel];
            sum[channel] += value;
            squares[channel] += value * value;
          }
        } else {
          assertEquals(KEPT, image[i + SIDE * SIDE]);
          assertEquals(KEPT, image[i + 2 * SIDE * SIDE]);
        }
      }
      double fraction = erased / (double) (SIDE * SIDE);
      assertTrue(fraction > 0.017 && fraction < 0.35, () -> "fraction " + fraction);
      values += erased;
    }
    for (int channel = 0; channel < 3; channel++) {
      assertEquals(0, sum[channel] / values, 0.02);
      assertEquals(1, squares[channel] / values, 0.02);
    }
  }

  @Test
  void theProbabilityIsThatOfAnImage() {
    int erased = 0;
    for (int number = 0; number < 400; number++) {
      for (float value : erased(0.25, number)) {
        if (value != KEPT) {
          erased++;
          break;
        }
      }
    }
    assertEquals(100, erased, 30);
    assertArrayEquals(erased(1, 7), erased(1, 7));
    assertThrows(IllegalArgumentException.class, () -> new RandomErasing(1.1));
  }

  @Test
  void boxesAreWithinTheImageAndReachItsEdges() {
    SeededRandom random = SeededRandom.of(3, "boxes");
    boolean reachesEnd = false;
    for (int i = 0; i < 2000; i++) {
      RandomErasing.Box box = RandomErasing.sample(random, SIDE);
      double aspect = box.height() / (double) box.width();
      assertTrue(aspect > 0.25 && aspect < 4, box::toString);
      assertTrue(box.left() >= 0 && box.left() + box.width() <= SIDE, box::toString);
      assertTrue(box.top() >= 0 && box.top() + box.height() <= SIDE, box::toString);
      reachesEnd |= box.top() + box.height() == SIDE;
    }
    assertTrue(reachesEnd);
  }
}
