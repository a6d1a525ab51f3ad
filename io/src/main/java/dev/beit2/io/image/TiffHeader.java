package dev.beit2.io.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * What a TIFF, or a BigTIFF, says of its first page.
 *
 * @param columns of the stored page
 * @param rows of the stored page
 * @param orientation 1 to 8; the decoder turns the page, as Pillow does
 * @param greyOf16Bits whether it has one channel, of 16 bits
 */
record TiffHeader(long columns, long rows, long orientation, boolean greyOf16Bits) {
  private static final int COLUMNS = 256;
  private static final int ROWS = 257;
  private static final int BITS_PER_SAMPLE = 258;
  private static final int STRIP_OFFSETS = 273;
  private static final int ORIENTATION = 274;
  private static final int SAMPLES_PER_PIXEL = 277;
  private static final int STRIP_SIZES = 279;
  private static final int TILE_OFFSETS = 324;
  private static final int TILE_SIZES = 325;
  private static final int SAMPLE_FORMAT = 339;

  private static final Set<Long> BITS = Set.of(1L, 4L, 8L, 16L);
  private static final long UNSIGNED = 1;
  private static final long FLOATING_POINT = 3;
  private static final int BIG_TIFF = 43;
  private static final int MOST_TAGS = 4096;

  /** Whether a file that begins like this is a TIFF. */
  static boolean matches(String start) {
    return start.startsWith("II*\0")
        || start.startsWith("MM\0*")
        || start.startsWith("II+\0")
        || start.startsWith("MM\0+");
  }

  /**
   * Reads the tags of the first page, and checks that all of its strips or tiles are in the file:
   * the decoder makes missing ones black.
   *
   * @throws UndecodableImageException if the page is corrupt, or its samples are not read
   * @throws IndexOutOfBoundsException if the file is truncated
   */
  static TiffHeader parse(byte[] file) throws UndecodableImageException {
    Page page = new Page(file);
    long bits = page.first(BITS_PER_SAMPLE, 1);
    long format = page.first(SAMPLE_FORMAT, UNSIGNED);
    if (!BITS.contains(bits) || format != UNSIGNED) {
      throw new UndecodableImageException(
          "a TIFF of samples of %d bits%s, which is not read"
              .formatted(bits, format == FLOATING_POINT ? " (floating point)" : ""));
    }
    page.requireInside(STRIP_OFFSETS, STRIP_SIZES);
    page.requireInside(TILE_OFFSETS, TILE_SIZES);
    return new TiffHeader(
        page.first(COLUMNS, 0),
        page.first(ROWS, 0),
        page.first(ORIENTATION, 1),
        bits == 16 && page.first(SAMPLES_PER_PIXEL, 1) == 1);
  }

  /** Of the page as it is shown. */
  long width() {
    return orientation >= 5 ? rows : columns;
  }

  /** Of the page as it is shown. */
  long height() {
    return orientation >= 5 ? columns : rows;
  }

  /** Where the integers of a tag are. */
  private record Values(int at, int size, long count) {}

  /** The tags of a page that have integers. */
  private static final class Page {
    private final ByteBuffer bytes;
    private final Map<Integer, Values> tags = new HashMap<>();

    Page(byte[] file) throws UndecodableImageException {
      ByteOrder order = file[0] == 'I' ? ByteOrder.LITTLE_ENDIAN : ByteOrder.BIG_ENDIAN;
      bytes = ByteBuffer.wrap(file).order(order);
      boolean big = bytes.getShort(2) == BIG_TIFF;
      int word = big ? 8 : 4; // of offsets and counts
      int at = position(number(word, word));
      long count = number(at, big ? 8 : 2);
      if (count < 0 || count > MOST_TAGS) {
        throw new UndecodableImageException("corrupt TIFF");
      }
      at += big ? 8 : 2;
      for (int i = 0; i < count; i++, at += 4 + 2 * word) {
        int size = sizeOf(bytes.getShort(at + 2));
        long values = number(at + 4, word);
        if (size > 0 && values > 0) {
          int inside = at + 4 + word;
          int start = values > word / size ? position(number(inside, word)) : inside;
          tags.putIfAbsent((int) number(at, 2), new Values(start, size, values));
        }
      }
    }

    /** The size of an integer of a TIFF's type; 0 if the type is another. */
    private static int sizeOf(int type) {
      return switch (type) {
        case 3 -> 2; // SHORT
        case 4 -> 4; // LONG
        case 16 -> 8; // LONG8
        default -> 0;
      };
    }

    private long number(int at, int size) {
      return switch (size) {
        case 2 -> bytes.getShort(at) & 0xFFFFL;
        case 4 -> bytes.getInt(at) & 0xFFFFFFFFL;
        default -> bytes.getLong(at);
      };
    }

    private static int position(long offset) {
      if (offset < 0 || offset > Integer.MAX_VALUE) {
        throw new IndexOutOfBoundsException(offset);
      }
      return (int) offset;
    }

    long first(int tag, long otherwise) {
      Values values = tags.get(tag);
      return values == null ? otherwise : number(values.at(), values.size());
    }

    void requireInside(int offsetsTag, int sizesTag) {
      Values offsets = tags.get(offsetsTag);
      Values sizes = tags.get(sizesTag);
      if (offsets == null || sizes == null) {
        return;
      }
      for (int i = 0; i < Math.min(offsets.count(), sizes.count()); i++) {
        long start = number(offsets.at() + i * offsets.size(), offsets.size());
        long size = number(sizes.at() + i * sizes.size(), sizes.size());
        if (start < 0 || size < 0 || start > bytes.limit() - size) {
          throw new IndexOutOfBoundsException(start);
        }
      }
    }
  }
}
