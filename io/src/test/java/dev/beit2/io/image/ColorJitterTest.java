package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

class ColorJitterTest {
  private static final String[] ORDERS = {"bcs", "bsc", "cbs", "csb", "sbc", "scb"};

  /** Step by step on all pixels in single precision, as Pillow does it. */
  private static byte[] jitter(RgbImage image, View view) {
    byte[] rgb = image.rgb().clone();
    for (char step : ORDERS[view.jitterOrder()].toCharArray()) {
      float factor =
          step == 'b' ? view.brightness() : step == 'c' ? view.contrast() : view.saturation();
      long sum = 0;
      for (int i = 0; i < rgb.length; i += 3) {
        sum += grey(rgb, i);
      }
      int mean = (int) (sum / (rgb.length / 3.0) + 0.5);
      for (int i = 0; i < rgb.length; i += 3) {
        int to = step == 'b' ? 0 : step == 'c' ? mean : grey(rgb, i);
        for (int c = i; c < i + 3; c++) {
          float blended = to + factor * ((rgb[c] & 0xFF) - to);
          rgb[c] = (byte) (blended <= 0 ? 0 : blended >= 255 ? 255 : (int) blended);
        }
      }
    }
    return rgb;
  }

  private static int grey(byte[] rgb, int i) {
    return ((rgb[i] & 0xFF) * 19595
            + (rgb[i + 1] & 0xFF) * 38470
            + (rgb[i + 2] & 0xFF) * 7471
            + 0x8000)
        >> 16;
  }

  /** Round factors are hard for fixed point: their products are whole numbers, or just not. */
  @Test
  void anyFactorsInAnyOrderAreBlendsInSinglePrecision() {
    Random random = new Random(7);
    byte[] rgb = new byte[3 * 61 * 47];
    random.nextBytes(rgb);
    RgbImage image = new RgbImage(61, 47, rgb);
    for (int i = 0; i < 600; i++) {
      boolean round = i % 3 == 0;
      View view =
          new View(
              0,
              0,
              61,
              47,
              false,
              factor(random, round),
              factor(random, round),
              factor(random, round),
              (byte) (i % 6));
      byte[] expected = jitter(image, view);
      assertArrayEquals(
          expected, ColorJitter.crop(image, view, 0, 0, 61, 47).rgb(), view::toString);
    }
  }

  private static float factor(Random random, boolean round) {
    if (random.nextInt(10) == 0) {
      return 0.999999f; // Sums with a grey are rounded up to whole numbers.
    }
    return round ? random.nextInt(25) / 10f : 0.6f + 0.8f * random.nextFloat();
  }

  @Test
  void contrastOfABoxIsThatOfTheWholeImage() {
    byte[] rgb = new byte[3 * 4 * 4];
    new Random(3).nextBytes(rgb);
    RgbImage image = new RgbImage(4, 4, rgb);
    View view = new View(0, 0, 4, 4, false, 1.2f, 0.7f, 1.3f, (byte) 4);
    byte[] whole = jitter(image, view);
    RgbImage box = ColorJitter.crop(image, view, 1, 2, 2, 1);
    int at = 3 * (2 * 4 + 1);
    for (int i = 0; i < 6; i++) {
      assertTrue(whole[at + i] == box.rgb()[i]);
    }
  }
}
