package dev.beit2.model;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.SplittableRandom;

/**
 * Synthetic images for tests: each patch-sized tile is a grating of its own direction, wavelength
 * and colour.
 */
public final class TestImages {
  private TestImages() {}

  /** Images [B, 3, S, S] in [0, 1], different for each seed. */
  public static ByteBuffer gratings(int batch, int side, int tile, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    ByteBuffer bytes =
        ByteBuffer.allocateDirect(batch * 3 * side * side * Float.BYTES)
            .order(ByteOrder.nativeOrder());
    FloatBuffer pixels = bytes.asFloatBuffer();
    int across = side / tile;
    for (int b = 0; b < batch; b++) {
      for (int t = 0; t < across * across; t++) {
        tile(pixels, b, t % across * tile, t / across * tile, side, tile, random);
      }
    }
    return bytes;
  }

  private static void tile(
      FloatBuffer pixels, int b, int left, int top, int side, int tile, SplittableRandom random) {
    double angle = random.nextDouble(Math.PI);
    double wave = random.nextDouble(0.2, 1.2);
    for (int c = 0; c < 3; c++) {
      double strength = random.nextDouble(0.05, 0.5);
      for (int y = top; y < top + tile; y++) {
        for (int x = left; x < left + tile; x++) {
          double phase = wave * (x * Math.cos(angle) + y * Math.sin(angle));
          double noise = random.nextDouble(-0.02, 0.02);
          pixels.put(
              ((b * 3 + c) * side + y) * side + x,
              (float) (0.5 + strength * Math.sin(phase) * 0.9 + noise));
        }
      }
    }
  }
}
