package dev.beit2.pipelines.average;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.util.Random;
import org.junit.jupiter.api.Test;

class OuterOptimizerTest {
  @Test
  void followsNesterovsFormula() {
    OuterOptimizer optimizer = new OuterOptimizer(0.5, 0.5);
    float[] velocity = new float[1];

    // Δ = 1, v = 1, θ = 1 − 0.5·(1 + 0.5·1)
    float[] once = optimizer.step(new float[] {1}, new float[] {0}, velocity);
    assertEquals(1, velocity[0]);
    assertEquals(0.25f, once[0]);

    // Δ = 0.25 + 0.25, v = 0.5 + 0.5, θ = 0.25 − 0.5·(0.5 + 0.5·1)
    float[] twice = optimizer.step(once, new float[] {-0.25f}, velocity);
    assertEquals(1, velocity[0]);
    assertEquals(-0.25f, twice[0]);
  }

  @Test
  void momentumLengthensTheFirstStep() {
    float[] after =
        new OuterOptimizer(0.7, 0.9)
            .step(new float[] {2, -1}, new float[] {1, -1.5f}, new float[2]);
    assertArrayEquals(new float[] {2 - 0.7f * 1.9f, -1 - 0.7f * 1.9f * 0.5f}, after, 1e-6f);
  }

  @Test
  void withARateOfOneAndNoMomentumTheResultIsTheMean() {
    OuterOptimizer optimizer = new OuterOptimizer(1, 0);
    assertFalse(optimizer.hasMomentum());
    Random random = new Random(1);
    float[] before = new float[1000];
    float[] mean = new float[before.length];
    for (int i = 0; i < before.length; i++) {
      before[i] = (float) random.nextGaussian();
      mean[i] = before[i] + (float) (1e-3 * random.nextGaussian());
    }
    float[] untouched = before.clone();
    float[] after = optimizer.step(before, mean, new float[before.length]);
    for (int i = 0; i < after.length; i++) {
      assertEquals(mean[i], after[i], Math.ulp(mean[i]));
    }
    assertArrayEquals(untouched, before);
  }
}
