package dev.beit2.io.image.source;

import dev.beit2.io.SeededRandom;

/** The order of an epoch: a permutation that is a pure function of seed, epoch and size. */
interface RandomOrder {
  /**
   * Up to this many images the permutation is a list in memory, as it was for all sets before there
   * was another. Longer ones need no memory.
   */
  int LONGEST_LIST = 1 << 21;

  /** The index of the image at a position. */
  long at(long position);

  static RandomOrder of(long seed, long epoch, long size) {
    SeededRandom random = SeededRandom.of(seed, "epoch", epoch);
    if (size <= LONGEST_LIST) {
      int[] order = random.permutation((int) size);
      return position -> order[Math.toIntExact(position)];
    }
    return new Cipher(random, size);
  }

  /**
   * A Feistel network over the numbers of 2·h bits, of which there are at most four times as many
   * as positions: numbers beyond the size are encrypted again until one is within (Black and
   * Rogaway, "Ciphers with arbitrary finite domains", 2002).
   */
  final class Cipher implements RandomOrder {
    private static final int ROUNDS = 8;

    private final long size;
    private final int halfBits;
    private final long[] keys = new long[ROUNDS];

    Cipher(SeededRandom random, long size) {
      this.size = size;
      this.halfBits = Math.max(1, (65 - Long.numberOfLeadingZeros(size - 1)) / 2);
      for (int i = 0; i < ROUNDS; i++) {
        keys[i] = random.nextLong();
      }
    }

    @Override
    public long at(long position) {
      if (position < 0 || position >= size) {
        throw new IndexOutOfBoundsException("position " + position + " of " + size);
      }
      long number = position;
      do {
        number = encrypt(number);
      } while (number >= size);
      return number;
    }

    private long encrypt(long number) {
      long mask = (1L << halfBits) - 1;
      long left = number >>> halfBits;
      long right = number & mask;
      for (long key : keys) {
        long mixed = SeededRandom.mix(right + key) >>> (Long.SIZE - halfBits);
        long next = left ^ mixed;
        left = right;
        right = next;
      }
      return left << halfBits | right;
    }
  }
}
