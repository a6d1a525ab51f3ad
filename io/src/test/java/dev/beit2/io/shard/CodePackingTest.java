package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigInteger;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CodePackingTest {
  @Test
  void bitsAreTheLogarithmRoundedUp() {
    int[] sizes = {1, 2, 3, 4, 5, 256, 257, 8191, 8192, 8193, Integer.MAX_VALUE};
    int[] bits = {1, 1, 2, 2, 3, 8, 9, 13, 13, 14, 31};
    for (int i = 0; i < sizes.length; i++) {
      assertEquals(bits[i], CodePacking.bits(sizes[i]), "codebook of " + sizes[i]);
    }
    assertThrows(IllegalArgumentException.class, () -> CodePacking.bits(0));
  }

  /** The definition, by hand: 3 = 11, 5 = 101, 6 = 110 from the lowest bit on. */
  @Test
  void codesAreALittleEndianBitString() {
    assertArrayEquals(
        new byte[] {(byte) 0b10_101_011, 0b1}, CodePacking.pack(new int[] {3, 5, 6}, 3));
    assertEquals(319, CodePacking.packedLength(196, 13));
  }

  /** The definition, in other words: code i is (string >> i·b) mod 2^b. */
  @Test
  void packedBytesAreTheBitStringForAnyBitsAndLength() {
    Random random = new Random(1);
    for (int bits = 1; bits <= 31; bits++) {
      for (int n = 0; n < 20; n++) {
        int mask = (int) ((1L << bits) - 1);
        int[] codes = random.ints(n).map(code -> code & mask).toArray();
        byte[] packed = CodePacking.pack(codes, bits);
        assertArrayEquals(codes, CodePacking.unpack(packed, n, bits));
        BigInteger string = littleEndian(packed);
        for (int i = 0; i < n; i++) {
          BigInteger code = string.shiftRight(i * bits).and(BigInteger.valueOf(mask));
          assertEquals(codes[i], code.intValueExact(), bits + " bits, code " + i);
        }
        assertEquals(BigInteger.ZERO, string.shiftRight(n * bits));
      }
    }
  }

  /** Grids of 14 x 14 of any codebook; the largest code has to fit, one more must not. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 255, 256, 257, 1000, 8191, 8192, 8193, 10000, 65536, 1 << 20})
  void codesOfAnyCodebookAreUnpacked(int codebookSize) {
    Random random = new Random(codebookSize);
    int bits = CodePacking.bits(codebookSize);
    for (int trial = 0; trial < 100; trial++) {
      int[] codes = random.ints(196, 0, codebookSize).toArray();
      codes[random.nextInt(196)] = codebookSize - 1;
      byte[] packed = CodePacking.pack(codes, bits);
      assertEquals((196 * bits + 7) / 8, packed.length);
      assertArrayEquals(codes, CodePacking.unpack(packed, 196, bits));
    }
    assertTrue(codebookSize > 8192 || CodePacking.packedLength(196, bits) <= 330);
    if (Integer.bitCount(codebookSize) == 1 && codebookSize > 1) {
      assertThrows(
          IllegalArgumentException.class, () -> CodePacking.pack(new int[] {codebookSize}, bits));
    }
  }

  @Test
  void codesAndBytesThatDoNotFitAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> CodePacking.pack(new int[] {8}, 3));
    assertThrows(IllegalArgumentException.class, () -> CodePacking.pack(new int[] {-1}, 31));
    assertThrows(IllegalArgumentException.class, () -> CodePacking.pack(new int[] {0}, 32));
    assertThrows(IllegalArgumentException.class, () -> CodePacking.unpack(new byte[2], 3, 3 + 3));
    assertThrows(IllegalArgumentException.class, () -> CodePacking.unpack(new byte[4], 3, 3 + 3));
  }

  private static BigInteger littleEndian(byte[] bytes) {
    byte[] reversed = new byte[bytes.length + 1];
    for (int i = 0; i < bytes.length; i++) {
      reversed[bytes.length - i] = bytes[i];
    }
    return new BigInteger(reversed);
  }
}
