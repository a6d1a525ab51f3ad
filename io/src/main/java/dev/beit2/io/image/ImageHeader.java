package dev.beit2.io.image;

import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * The header of an image, read without decoding the image.
 *
 * @param format "JPEG", "PNG", "WebP", "GIF", "BMP" or "TIFF"
 * @param width in pixels, as claimed
 * @param height in pixels, as claimed
 * @param scans the passes over the whole image that decoding takes: more than one in a progressive
 *     JPEG
 * @param greyOf16Bits whether it is a PNG or TIFF of one channel, beside transparency, of 16 bits
 */
record ImageHeader(String format, long width, long height, int scans, boolean greyOf16Bits) {
  static final String JPEG = "JPEG";
  static final String PNG = "PNG";
  static final String GIF = "GIF";
  static final String BMP = "BMP";
  static final String TIFF = "TIFF";

  /** The number of bytes from which a format is known. */
  static final int MAGIC = 12;

  private static final String FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF";
  private static final int START_OF_SCAN = 0xDA;
  private static final int END_OF_IMAGE = 0xD9;
  private static final int PNG_HEADER = 'I' << 24 | 'H' << 16 | 'D' << 8 | 'R';
  private static final int PNG_OF_APPLE = 'C' << 24 | 'g' << 16 | 'B' << 8 | 'I';

  private ImageHeader(String format, long width, long height) {
    this(format, width, height, 1, false);
  }

  /** Whether a file that begins with these bytes is of a format that is decoded. */
  static boolean isImage(byte[] start) {
    try {
      return !format(start).isEmpty();
    } catch (UndecodableImageException e) {
      return false;
    }
  }

  /** Detects the format from the bytes; the file's name does not matter. */
  static ImageHeader parse(byte[] bytes) throws UndecodableImageException {
    if (bytes.length == 0) {
      throw new UndecodableImageException("empty file");
    }
    String format = format(bytes);
    ByteBuffer header = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    try {
      ImageHeader parsed =
          switch (format) {
            case JPEG -> jpeg(header.order(ByteOrder.BIG_ENDIAN));
            case PNG -> png(header.order(ByteOrder.BIG_ENDIAN));
            case "WebP" -> webp(header);
            case GIF -> new ImageHeader(format, u16(header, 6), u16(header, 8));
            case TIFF -> tiff(bytes);
            default -> bmp(bytes, header);
          };
      if (parsed.width <= 0 || parsed.height <= 0) {
        throw new UndecodableImageException("corrupt " + format);
      }
      return parsed;
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      throw new UndecodableImageException("truncated " + format, e);
    }
  }

  /** Width times height, or more than any limit where that would not be a long. */
  long pixels() {
    return Math.max(width, height) > Integer.MAX_VALUE ? Long.MAX_VALUE : width * height;
  }

  private static String format(byte[] bytes) throws UndecodableImageException {
    String start = new String(bytes, 0, Math.min(bytes.length, MAGIC), StandardCharsets.ISO_8859_1);
    if (start.startsWith("\u00FF\u00D8")) {
      return JPEG;
    } else if (start.startsWith("\u0089PNG\r\n\u001A\n")) {
      return PNG;
    } else if (start.startsWith("RIFF") && start.endsWith("WEBP")) {
      return "WebP";
    } else if (start.startsWith("GIF8")) {
      return GIF;
    } else if (start.startsWith("BM")) {
      return BMP;
    } else if (TiffHeader.matches(start)) {
      return TIFF;
    }
    throw notAnImage(bytes);
  }

  private static UndecodableImageException notAnImage(byte[] bytes) {
    return new UndecodableImageException(
        OtherFormats.name(bytes)
            .map(name -> name + ", which is not read (" + FORMATS + " are)")
            .orElse("not an image (" + FORMATS + ")"));
  }

  /** Walks the segments to the first scan, as tolerant of stray bytes as libjpeg is. */
  private static ImageHeader jpeg(ByteBuffer bytes) throws UndecodableImageException {
    bytes.position(2);
    int frame = -1;
    boolean progressive = false;
    int frameMarker = 0;
    int marker = nextMarker(bytes);
    while (marker != START_OF_SCAN) {
      if (isFrameHeader(marker) && frame < 0) {
        frame = bytes.position();
        progressive = (marker & 3) == 2;
        frameMarker = marker;
      }
      skipSegment(bytes, marker);
      marker = nextMarker(bytes);
    }
    if (frame < 0) {
      throw new UndecodableImageException("corrupt JPEG");
    }
    requireCommonJpeg(frameMarker, bytes.get(frame + 2));
    int components = bytes.get(frame + 7);
    boolean severalScans = progressive || bytes.get(bytes.position() + 2) < components;
    return new ImageHeader(
        JPEG, u16(bytes, frame + 5), u16(bytes, frame + 3), severalScans ? scans(bytes) : 1, false);
  }

  /** What the decoder does not have, and would call corrupt. */
  private static void requireCommonJpeg(int frameMarker, int bits)
      throws UndecodableImageException {
    if ((frameMarker & 3) == 3) {
      throw new UndecodableImageException("a lossless JPEG, which is not read");
    } else if ((frameMarker & 7) > 4) {
      throw new UndecodableImageException("a hierarchical JPEG, which is not read");
    } else if (bits != 8) {
      throw new UndecodableImageException(
          "a JPEG of " + bits + " bits per channel, which is not read");
    }
  }

  private static void skipSegment(ByteBuffer bytes, int marker) {
    boolean hasLength = marker > 0x01 && (marker < 0xD0 || marker > 0xD9);
    if (hasLength) {
      skip(bytes, u16(bytes, bytes.position()));
    }
  }

  /**
   * Counts the scans, starting inside the header of the first one. In a truncated file it counts
   * those that are there.
   */
  private static int scans(ByteBuffer bytes) {
    int scans = 1;
    try {
      for (int marker = 0; marker != END_OF_IMAGE; marker = nextMarker(bytes)) {
        scans += marker == START_OF_SCAN ? 1 : 0;
        skipSegment(bytes, marker);
      }
    } catch (BufferUnderflowException | IndexOutOfBoundsException e) {
      // The decoder will refuse it.
    }
    return scans;
  }

  private static int nextMarker(ByteBuffer bytes) {
    int marker = 0;
    while (marker != 0xFF) {
      marker = bytes.get() & 0xFF;
    }
    while (marker == 0xFF) { // any number of fill bytes
      marker = bytes.get() & 0xFF;
    }
    return marker;
  }

  /** SOF0 … SOF15, without DHT, JPG and DAC that lie between them. */
  private static boolean isFrameHeader(int marker) {
    return (marker & 0xF0) == 0xC0 && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
  }

  /** Checks that all pixels are there, so that libpng does not complain on stderr. */
  private static ImageHeader png(ByteBuffer bytes) throws UndecodableImageException {
    int first = bytes.getInt(12);
    if (first != PNG_HEADER) {
      throw new UndecodableImageException(
          first == PNG_OF_APPLE ? "an iPhone's PNG (CgBI), which is not read" : "corrupt PNG");
    }
    boolean grey = (bytes.get(25) & 3) == 0; // neither palette nor colour
    ImageHeader header =
        new ImageHeader(PNG, u32(bytes, 16), u32(bytes, 20), 1, grey && bytes.get(24) == 16);
    if (!PngChunks.of(bytes.array()).complete()) {
      throw new UndecodableImageException("truncated PNG");
    }
    return header;
  }

  private static void skip(ByteBuffer bytes, long length) {
    if (length > bytes.remaining()) {
      throw new BufferUnderflowException();
    }
    bytes.position(bytes.position() + (int) length);
  }

  private static ImageHeader webp(ByteBuffer bytes) throws UndecodableImageException {
    if (u32(bytes, 4) > bytes.limit() - 8) {
      throw new BufferUnderflowException();
    }
    byte kind = bytes.get(15);
    return switch (kind) {
      case ' ' -> new ImageHeader("WebP", u16(bytes, 26) & 0x3FFF, u16(bytes, 28) & 0x3FFF);
      case 'L' -> {
        long sizes = u32(bytes, 21);
        yield new ImageHeader("WebP", 1 + (sizes & 0x3FFF), 1 + (sizes >> 14 & 0x3FFF));
      }
      case 'X' -> new ImageHeader("WebP", 1 + u24(bytes, 24), 1 + u24(bytes, 27));
      default -> throw new UndecodableImageException("corrupt WebP");
    };
  }

  private static ImageHeader bmp(byte[] file, ByteBuffer bytes) throws UndecodableImageException {
    long size = u32(bytes, 14);
    boolean oldest = size == 12; // OS/2's header has 16-bit sizes.
    int planes = u16(bytes, oldest ? 22 : 26);
    if (planes != 1 || (!oldest && (size < 16 || size > 124))) {
      throw notAnImage(file); // a text may begin with BM
    }
    return oldest
        ? new ImageHeader(BMP, u16(bytes, 18), u16(bytes, 20))
        : new ImageHeader(BMP, u32(bytes, 18), Math.abs((long) bytes.getInt(22)));
  }

  private static ImageHeader tiff(byte[] file) throws UndecodableImageException {
    TiffHeader page = TiffHeader.parse(file);
    return new ImageHeader(TIFF, page.width(), page.height(), 1, page.greyOf16Bits());
  }

  private static int u16(ByteBuffer bytes, int at) {
    return bytes.getShort(at) & 0xFFFF;
  }

  private static int u24(ByteBuffer bytes, int at) {
    return u16(bytes, at) | (bytes.get(at + 2) & 0xFF) << 16;
  }

  private static long u32(ByteBuffer bytes, int at) {
    return bytes.getInt(at) & 0xFFFFFFFFL;
  }
}
