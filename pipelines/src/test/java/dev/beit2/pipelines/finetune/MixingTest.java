package dev.beit2.pipelines.finetune;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.train.Mix;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class MixingTest {
  private static final int SIDE = 32;
  private static final int DRAWS = 2000;

  private static List<Mix> draws(Mixing mixing) {
    return LongStream.range(0, DRAWS)
        .mapToObj(step -> mixing.sample(1, "image", step, SIDE))
        .toList();
  }

  private static long mixups(Mixing mixing) {
    return draws(mixing).stream().filter(mix -> mix.weight() < 1).count();
  }

  @Test
  void halfOfTheDrawsAreMixupIfBothAreOn() {
    assertEquals(DRAWS / 2.0, mixups(new Mixing(0.8, 1, 2)), 112); // five standard deviations
    assertEquals(DRAWS, mixups(new Mixing(0.8, 0, 2)));
    assertEquals(0, mixups(new Mixing(0, 1, 2)));
    assertTrue(new Mixing(0, 1, 2).mixes());
    assertFalse(new Mixing(0, 0, 2).mixes());
  }

  /** Without its edges, cutmix with Beta(1, 1) would keep half of an image on average. */
  @Test
  void labelsHaveTheWeightOfThePixels() {
    double sum = 0;
    for (Mix mix : draws(new Mixing(0, 1, 2))) {
      double box = (mix.bottom() - mix.top()) * (mix.right() - mix.left());
      assertEquals(1 - box / (SIDE * SIDE), mix.labelWeight(), 1e-12);
      sum += mix.labelWeight();
    }
    assertTrue(sum / DRAWS > 0.55 && sum / DRAWS < 0.8, "mean " + sum / DRAWS);
    for (Mix mix : draws(new Mixing(0.8, 0, 2))) {
      assertEquals(mix.weight(), mix.labelWeight());
      assertEquals(mix.top(), mix.bottom());
    }
  }

  @Test
  void drawsDependOnSeedKeyAndStepAlone() {
    Mixing mixing = new Mixing(0.8, 1, 2);
    Mix mix = mixing.sample(1, "a", 2, SIDE);
    assertEquals(mix, mixing.sample(1, "a", 2, SIDE));
    assertNotEquals(mix, mixing.sample(2, "a", 2, SIDE));
    assertNotEquals(mix, mixing.sample(1, "b", 2, SIDE));
    assertNotEquals(mix, mixing.sample(1, "a", 3, SIDE));
  }
}
