package dev.beit2.model.teacher;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class HogTeacherTest {
  private static final int SIDE = 32;

  /** Against a plain double loop over pixels. */
  @Test
  void featuresFollowTheDefinitionOfHog() {
    SplittableRandom random = new SplittableRandom(5);
    float[] image = new float[3 * SIDE * SIDE];
    for (int i = 0; i < image.length; i++) {
      image[i] = (float) random.nextDouble();
    }
    try (NDManager manager = Torch.newManager();
        Teacher hog = Teacher.hog(Kernels.of(Precision.FP32), 16)) {
      NDArray features = hog.features(manager, manager.create(image, new Shape(1, 3, SIDE, SIDE)));
      assertEquals(new Shape(1, 4, 108), features.getShape());
      assertEquals(108, hog.dimension());
      assertArrayEquals(expected(image), features.toFloatArray(), 1e-5f);
    }
  }

  private static float[] expected(float[] image) {
    float[] features = new float[4 * 108];
    for (int c = 0; c < 3; c++) {
      for (int cell = 0; cell < 16; cell++) {
        int row = cell / 4;
        int column = cell % 4;
        double[] histogram = histogram(image, c, row * 8, column * 8);
        double norm = 0;
        for (double h : histogram) {
          norm += h * h;
        }
        int patch = row / 2 * 2 + column / 2;
        for (int o = 0; o < 9; o++) {
          int feature = ((c * 9 + o) * 2 + row % 2) * 2 + column % 2;
          features[patch * 108 + feature] = (float) (histogram[o] / Math.sqrt(norm));
        }
      }
    }
    return features;
  }

  private static double[] histogram(float[] image, int c, int top, int left) {
    double[] histogram = new double[9];
    for (int y = top; y < top + 8; y++) {
      for (int x = left; x < left + 8; x++) {
        float gx = pixel(image, c, y, x + 1) - pixel(image, c, y, x - 1);
        float gy = pixel(image, c, y + 1, x) - pixel(image, c, y - 1, x);
        int orientation =
            Math.floorMod((int) Math.floor((float) Math.atan2(gx, gy) * (9 / Math.PI)), 9);
        histogram[orientation] += Math.sqrt(gx * gx + gy * gy);
      }
    }
    return histogram;
  }

  private static float pixel(float[] image, int c, int y, int x) {
    int row = Math.min(SIDE - 1, Math.max(0, y));
    int column = Math.min(SIDE - 1, Math.max(0, x));
    return image[(c * SIDE + row) * SIDE + column];
  }
}
