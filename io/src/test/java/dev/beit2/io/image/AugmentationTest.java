package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AugmentationTest {
  private static final Augmentation PRETRAINING =
      Augmentation.randomResizedCrop(0.2).withJitter(0.4);

  @Test
  void recipesAreTheOfficialOnes() {
    assertEquals(new Augmentation(0.2, 1, 0.5, 0.4, 0.4, 0.4), PRETRAINING);
    assertEquals(new Augmentation(0.08, 1, 0.5, 0, 0, 0), Augmentation.randomResizedCrop(0.08));
    assertEquals(
        new Augmentation(0.5, 0.9, 0.5, 0.4, 0.4, 0.4),
        new Augmentation(0.5, 0.9, 0.5, 0, 0, 0).withJitter(0.4));
  }

  /** Data sets depend on these views, so a new version must not change them. */
  @Test
  void samplesArePinned() {
    assertEquals(
        new View(3, 13, 211, 277, true, 1.0308473f, 1.0678518f, 1.0846492f, (byte) 5),
        PRETRAINING.sample(42, "bird/bird_1.JPEG", 3, 500, 375));
  }

  @Test
  void sampleIsAPureFunctionOfAllItsArguments() {
    View view = PRETRAINING.sample(1, "a", 0, 500, 375);
    assertEquals(view, PRETRAINING.sample(1, "a", 0, 500, 375));
    assertNotEquals(view, PRETRAINING.sample(2, "a", 0, 500, 375));
    assertNotEquals(view, PRETRAINING.sample(1, "b", 0, 500, 375));
    assertNotEquals(view, PRETRAINING.sample(1, "a", 1, 500, 375));
    assertNotEquals(view, PRETRAINING.sample(1, "a", 0, 375, 500));
  }

  @ParameterizedTest
  @CsvSource({"500, 375", "1, 1", "3, 4000", "4000, 3", "2, 3", "16, 9"})
  void boxesLieWithinTheImage(int width, int height) {
    for (int number = 0; number < 500; number++) {
      View view = PRETRAINING.sample(7, "box", number, width, height);
      assertTrue(view.left() + view.width() <= width, view::toString);
      assertTrue(view.top() + view.height() <= height, view::toString);
    }
  }

  /** The limits and the means of torchvision's distribution, on an image that seldom rejects. */
  @Test
  void viewsAreDistributedAsTorchvisionDrawsThem() {
    int n = 20_000;
    double area = 0;
    double flips = 0;
    double brightness = 0;
    int[] orders = new int[6];
    for (int number = 0; number < n; number++) {
      View view = PRETRAINING.sample(11, "distribution", number, 4000, 4000);
      double fraction = (double) view.width() * view.height() / (4000.0 * 4000.0);
      double ratio = (double) view.width() / view.height();
      assertTrue(fraction > 0.199 && fraction <= 1, () -> "fraction " + fraction);
      assertTrue(ratio > 0.749 && ratio < 1.335, () -> "ratio " + ratio);
      assertTrue(view.contrast() >= 0.6f && view.contrast() <= 1.4f);
      assertTrue(view.saturation() >= 0.6f && view.saturation() <= 1.4f);
      area += fraction / n;
      flips += view.flip() ? 1.0 / n : 0;
      brightness += view.brightness() / n;
      orders[view.jitterOrder()]++;
    }
    // Uniform in 0.2–1 has the mean 0.6; attempts that stick out (large and long) are drawn again,
    // which takes it to 0.538 (the same algorithm in Python, 200,000 draws).
    assertEquals(0.538, area, 0.01);
    assertEquals(0.5, flips, 0.02);
    assertEquals(1.0, brightness, 0.01);
    assertTrue(Arrays.stream(orders).allMatch(count -> Math.abs(count - n / 6) < 300));
  }

  /** Where no attempt fits, the largest box of the nearest allowed ratio in the centre. */
  @Test
  void elongatedImagesFallBackToTheirCentre() {
    View wide = Augmentation.randomResizedCrop(1).sample(1, "wide", 0, 1000, 90);
    assertEquals(View.ofBox(440, 0, 120, 90).left(), wide.left());
    assertEquals(120, wide.width());
    assertEquals(90, wide.height());
    View tall = Augmentation.randomResizedCrop(1).sample(1, "tall", 0, 90, 1000);
    assertEquals(440, tall.top());
    assertEquals(90, tall.width());
    assertEquals(120, tall.height());
  }

  @Test
  void withoutJitterAndFlipOnlyTheBoxIsDrawn() {
    Augmentation plain = new Augmentation(0.2, 1, 0, 0, 0, 0);
    for (int number = 0; number < 100; number++) {
      View view = plain.sample(5, "plain", number, 50, 50);
      assertEquals(1f, view.brightness());
      assertEquals(1f, view.contrast());
      assertEquals(1f, view.saturation());
      assertTrue(!view.flip());
    }
  }

  @Test
  void centreIsASquare() {
    assertEquals(View.ofBox(62, 0, 375, 375), View.center(500, 375, 1));
    assertEquals(View.ofBox(0, 0, 1, 1), View.center(1, 1, 1));
    assertEquals(View.ofBox(122, 16, 224, 224), View.center(468, 256, 224.0 / 256));
  }

  @Test
  void impossibleRecipesAndViewsAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> Augmentation.randomResizedCrop(0));
    assertThrows(IllegalArgumentException.class, () -> new Augmentation(0.5, 0.4, 0.5, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new Augmentation(0.2, 1, 1.5, 0, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> View.ofBox(0, 0, 0, 1));
    assertThrows(
        IllegalArgumentException.class,
        () -> new View(0, 0, 1, 1, false, Float.NaN, 1, 1, (byte) 0));
    assertThrows(
        IllegalArgumentException.class, () -> new View(0, 0, 1, 1, false, 1, 1, 1, (byte) 6));
  }
}
