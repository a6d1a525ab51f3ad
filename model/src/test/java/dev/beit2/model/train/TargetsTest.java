package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import java.util.List;
import org.junit.jupiter.api.Test;

class TargetsTest {
  private static final int SIDE = 6;

  private final Kernels kernels = Kernels.of(Precision.FP32);

  @Test
  void smoothingSharesAPartAmongAllClasses() {
    try (NDManager manager = Torch.newManager()) {
      assertArrayEquals(
          new float[] {0.02f, 0.02f, 0.92f, 0.02f, 0.02f, 0.92f, 0.02f, 0.02f, 0.02f, 0.02f},
          Targets.of(kernels, manager, new long[] {2, 0}, 5, 0.1).toFloatArray(),
          1e-7f);
      assertArrayEquals(
          new float[] {0, 1}, Targets.of(kernels, manager, new long[] {1}, 2, 0).toFloatArray());
    }
  }

  /** Pixel by pixel, as the papers define it. */
  @Test
  void imagesAndTargetsAreMixedWithTheirNeighbours() {
    List<Mix> mixes =
        List.of(
            Mix.mixup(0.7),
            Mix.mixup(0.7),
            Mix.cutmix(0.6, SIDE, 1, 4),
            Mix.cutmix(0.6, SIDE, 1, 4));
    int pixels = 3 * SIDE * SIDE;
    float[] images = new float[mixes.size() * pixels];
    for (int i = 0; i < images.length; i++) {
      images[i] = (i * 37 % 101) / 101f;
    }
    try (NDManager manager = Torch.newManager()) {
      NDArray input = manager.create(images, new Shape(mixes.size(), 3, SIDE, SIDE));
      NDArray targets = Targets.of(kernels, manager, new long[] {0, 1, 2, 2}, 3, 0);
      NDList mixed = Targets.mix(kernels, manager, input, targets, mixes);
      float[] found = mixed.get(0).toFloatArray();
      for (int i = 0; i < found.length; i++) {
        int image = i / pixels;
        int row = i / SIDE % SIDE;
        int column = i % SIDE;
        float own = images[i];
        float neighbour = images[i + (image % 2 == 0 ? pixels : -pixels)];
        boolean inBox = row >= 0 && row < 2 && column >= 3 && column < 5;
        double wanted = image < 2 ? 0.7 * own + 0.3 * neighbour : inBox ? neighbour : own;
        assertEquals(wanted, found[i], 1e-6, "image %d, %d, %d".formatted(image, row, column));
      }
      assertArrayEquals(
          new float[] {0.7f, 0.3f, 0, 0.3f, 0.7f, 0, 0, 0, 1, 0, 0, 1},
          mixed.get(1).toFloatArray(),
          1e-6f);
    }
  }
}
