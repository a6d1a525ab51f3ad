package dev.beit2.io.shard;

/**
 * Packs codes into bits: code i is bits [i·b, (i+1)·b) of the little-endian bit string, where bit k
 * is bit k mod 8 of byte k / 8. The bits after the last code are zero.
 */
public final class CodePacking {
  private static final int MAX_BITS = 31;

  private CodePacking() {}

  /** The number of bits per code: ⌈log2 codebookSize⌉, at least 1; 13 for 8192. */
  public static int bits(int codebookSize) {
    if (codebookSize < 1) {
      throw new IllegalArgumentException("codebookSize is " + codebookSize);
    }
    return Math.max(1, Integer.SIZE - Integer.numberOfLeadingZeros(codebookSize - 1));
  }

  /** The number of bytes that n codes take. */
  public static int packedLength(int n, int bits) {
    checkBits(bits);
    return Math.toIntExact(((long) n * bits + 7) / 8);
  }

  /**
   * @param codes each in [0, 2^bits)
   * @param bits per code, 1 … 31
   */
  public static byte[] pack(int[] codes, int bits) {
    byte[] packed = new byte[packedLength(codes.length, bits)];
    long pending = 0; // bits not yet written, the oldest lowest
    int pendingBits = 0;
    int next = 0;
    for (int code : codes) {
      if (code < 0 || code >>> bits != 0) {
        throw new IllegalArgumentException("code " + code + " does not fit in " + bits + " bits");
      }
      pending |= (long) code << pendingBits;
      for (pendingBits += bits; pendingBits >= 8; pendingBits -= 8) {
        packed[next++] = (byte) pending;
        pending >>>= 8;
      }
    }
    if (pendingBits > 0) {
      packed[next] = (byte) pending;
    }
    return packed;
  }

  /**
   * The n codes that {@link #pack} packed.
   *
   * @throws IllegalArgumentException if the bytes are not as many as n codes take
   */
  public static int[] unpack(byte[] packed, int n, int bits) {
    if (packed.length != packedLength(n, bits)) {
      throw new IllegalArgumentException(
          String.format(
              "%d bytes are not %d codes of %d bits, which take %d",
              packed.length, n, bits, packedLength(n, bits)));
    }
    int[] codes = new int[n];
    long mask = (1L << bits) - 1;
    long pending = 0;
    int pendingBits = 0;
    int next = 0;
    for (int i = 0; i < n; i++) {
      for (; pendingBits < bits; pendingBits += 8) {
        pending |= (packed[next++] & 0xFFL) << pendingBits;
      }
      codes[i] = (int) (pending & mask);
      pending >>>= bits;
      pendingBits -= bits;
    }
    return codes;
  }

  private static void checkBits(int bits) {
    if (bits < 1 || bits > MAX_BITS) {
      throw new IllegalArgumentException("bits is " + bits + ", must be in [1, " + MAX_BITS + "]");
    }
  }
}
