package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;

final class HalfFloatTest {
  @Test
  void knownValues() {
    assertEquals(0x3c00, HalfFloat.of(1));
    assertEquals((short) 0xc000, HalfFloat.of(-2));
    assertEquals(0x7bff, HalfFloat.of(65504));
    assertEquals(0x7bff, HalfFloat.of(65519.9f));
    assertEquals(0x7c00, HalfFloat.of(65520));
    assertEquals(0x0001, HalfFloat.of(0x1p-24f));
    assertEquals(0x0000, HalfFloat.of(0x1p-25f), "a tie goes to even");
    assertEquals(0x0400, HalfFloat.of(0x1p-14f));
    assertEquals(0x3555, HalfFloat.of(1 / 3f));
    assertEquals((short) 0x8000, HalfFloat.of(-0f));
    assertTrue(Float.isNaN(HalfFloat.toFloat(HalfFloat.of(Float.NaN))));
  }

  @Test
  void eachHalfIsItsOwnNearest() {
    for (int bits = 0; bits < 1 << 16; bits++) {
      float value = HalfFloat.toFloat((short) bits);
      if (!Float.isNaN(value)) {
        assertEquals((short) bits, HalfFloat.of(value), () -> "of " + value);
      }
    }
  }

  /** Property: no neighbour of the result is nearer. */
  @Test
  void theResultIsTheNearest() {
    Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      float value = (float) Math.scalb(random.nextDouble(), random.nextInt(44) - 28);
      short half = HalfFloat.of(value);
      double error = Math.abs(HalfFloat.toFloat(half) - (double) value);
      for (int other : new int[] {half - 1, half + 1}) {
        if (other >= 0 && other < 0x7c00) {
          assertTrue(error <= Math.abs(HalfFloat.toFloat((short) other) - (double) value));
        }
      }
    }
  }
}
