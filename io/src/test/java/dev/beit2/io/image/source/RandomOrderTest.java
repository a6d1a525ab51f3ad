package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.SeededRandom;
import java.util.BitSet;
import org.junit.jupiter.api.Test;

class RandomOrderTest {
  /** As before there was another: runs that were begun go on in the same order. */
  @Test
  void upToTwoMillionImagesTheOrderIsAListOfIndices() {
    for (int size : new int[] {1, 7, 10_000}) {
      int[] expected = SeededRandom.of(3, "epoch", 5).permutation(size);
      RandomOrder order = RandomOrder.of(3, 5, size);
      for (int position = 0; position < size; position++) {
        assertEquals(expected[position], order.at(position));
      }
    }
    assertFalse(RandomOrder.of(3, 5, 1 << 21) instanceof RandomOrder.Cipher);
    assertTrue(RandomOrder.of(3, 5, (1 << 21) + 1) instanceof RandomOrder.Cipher);
  }

  @Test
  void aCipherIsAPermutation() {
    for (int size : new int[] {1, 2, 3, 4, 5, 16, 17, 1000, 1023, 1024, 1025, 70_000}) {
      RandomOrder order = new RandomOrder.Cipher(SeededRandom.of(1, "epoch", 2), size);
      BitSet seen = new BitSet();
      for (int position = 0; position < size; position++) {
        seen.set((int) order.at(position));
      }
      assertEquals(size, seen.cardinality());
      assertEquals(size, seen.length());
      assertThrows(IndexOutOfBoundsException.class, () -> order.at(size));
      assertThrows(IndexOutOfBoundsException.class, () -> order.at(-1));
    }
  }

  @Test
  void aCipherIsPinnedAndDiffersBetweenEpochs() {
    RandomOrder order = RandomOrder.of(3, 5, 10_000_000_000L);
    RandomOrder other = RandomOrder.of(3, 6, 10_000_000_000L);
    int same = 0;
    double sum = 0;
    double neighbours = 0; // mean distance, a third of the size where all is random
    int count = 100_000;
    for (int position = 0; position < count; position++) {
      long index = order.at(position);
      same += index == other.at(position) ? 1 : 0;
      sum += index;
      neighbours += Math.abs(index - order.at(position + 1));
    }
    assertEquals(0, same);
    assertEquals(0.5, sum / count / 1e10, 0.005);
    assertEquals(1 / 3.0, neighbours / count / 1e10, 0.005);
    assertEquals(PINNED, order.at(0) + " " + order.at(9_999_999_999L));
  }

  private static final String PINNED = "4104174850 3923076357";
}
