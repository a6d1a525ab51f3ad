package dev.beit2.io.image;

/** A GIF whose first frame has no transparent colour: Pillow drops transparency, OpenCV blends. */
final class OpaqueGif {
  private static final int HEADER = 13;
  private static final int EXTENSION = 0x21;
  private static final int GRAPHIC_CONTROL = 0xF9;
  private static final int TRANSPARENT = 1; // a bit of the graphic control's flags

  private OpaqueGif() {}

  /** The same bytes, or a copy with the flag of transparency cleared. */
  static byte[] of(byte[] gif) {
    int at = HEADER + colours(gif, HEADER - 3);
    while (at + 3 < gif.length && (gif[at] & 0xFF) == EXTENSION) {
      int flags = at + 3;
      if ((gif[at + 1] & 0xFF) == GRAPHIC_CONTROL && (gif[flags] & TRANSPARENT) != 0) {
        byte[] opaque = gif.clone();
        opaque[flags] &= ~TRANSPARENT;
        return opaque;
      }
      at = afterBlocks(gif, at + 2);
    }
    return gif;
  }

  /** The length of the table of colours that flags announce. */
  private static int colours(byte[] gif, int flags) {
    boolean present = flags < gif.length && (gif[flags] & 0x80) != 0;
    return present ? 3 << (gif[flags] & 7) + 1 : 0;
  }

  /** Where a chain of blocks, each with its length before it, ends. */
  private static int afterBlocks(byte[] gif, int start) {
    int at = start;
    while (at < gif.length && gif[at] != 0) {
      at += 1 + (gif[at] & 0xFF);
    }
    return at + 1;
  }
}
