package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.BicubicResize.Taps;
import javax.annotation.Nullable;

/**
 * An image of which only the header has been read. Its pixels are decoded once, when the first view
 * is rendered.
 *
 * <pre>{@code
 * EncodedImage image = EncodedImage.open(bytes, DecodingLimits.DEFAULT);
 * View view = augmentation.sample(seed, key, 0, image.width(), image.height());
 * RgbImage pixels = image.render(view, 224);
 * }</pre>
 *
 * <p>Pixels are those of Pillow's {@code Image.open(f).convert("RGB")}: no rotation by EXIF, no
 * colour management, transparency dropped; truncated files are refused. The format is detected from
 * the content, not from the name: JPEG, PNG, WebP, GIF (its first frame), BMP or TIFF (its first
 * page, which is turned as the file says). Channels of more than 8 bits are scaled to 8 bits, by
 * their significant bits if a PNG has them, those of grey images by {@link
 * DecodingLimits#greyRange} if it is given.
 *
 * <p>If a view of a JPEG is much larger than the output, the JPEG is decoded at a half, a quarter
 * or an eighth of its size. This takes less time and memory and makes no visible difference; see
 * {@link Reduction}. The size depends only on the sizes of the view and the output.
 *
 * <p>Not safe for use by several threads at once.
 */
public final class EncodedImage {
  // Progressive JPEGs have ten scans, or a few more. A pixel of a scan takes about a nanosecond.
  private static final int MAX_SCANS = 500;
  private static final long MAX_SCANNED = 2_000_000_000;

  private final byte[] bytes;
  private final ImageHeader header;
  @Nullable private final GreyRange greyRange;
  private final RgbImage[] decoded = new RgbImage[Reduction.values().length];
  private boolean faint;

  private EncodedImage(byte[] bytes, ImageHeader header, @Nullable GreyRange greyRange) {
    this.bytes = bytes;
    this.header = header;
    this.greyRange = greyRange;
  }

  /**
   * Reads the header.
   *
   * @param bytes the file's content; not to be changed
   * @throws UndecodableImageException with a short reason: empty, not an image, truncated, corrupt,
   *     or over a limit
   */
  public static EncodedImage open(byte[] bytes, DecodingLimits limits)
      throws UndecodableImageException {
    requireNonNull(bytes, "bytes is null");
    requireNonNull(limits, "limits is null");
    if (bytes.length > limits.maxBytes()) {
      throw new UndecodableImageException(
          bytes.length + " bytes are over the limit of " + limits.maxBytes());
    }
    ImageHeader header = ImageHeader.parse(bytes);
    if (header.pixels() > limits.maxPixels()) {
      throw new UndecodableImageException(
          "%dx%d is over the limit of %d pixels"
              .formatted(header.width(), header.height(), limits.maxPixels()));
    }
    requireFewScans(header);
    return new EncodedImage(bytes, header, limits.greyRange());
  }

  /** A scan of a few bytes may go over all pixels, and there may be a thousand of them. */
  private static void requireFewScans(ImageHeader header) throws UndecodableImageException {
    boolean few =
        header.scans() == 1
            || (header.scans() <= MAX_SCANS && header.scans() * header.pixels() <= MAX_SCANNED);
    if (!few) {
      throw new UndecodableImageException(
          "%d scans of %dx%d are over the limit of %d, and of %d pixels altogether"
              .formatted(header.scans(), header.width(), header.height(), MAX_SCANS, MAX_SCANNED));
    }
  }

  /** The file's content. */
  byte[] bytes() {
    return bytes;
  }

  /** In pixels, at least 1. */
  public int width() {
    return (int) header.width();
  }

  /** In pixels, at least 1. */
  public int height() {
    return (int) header.height();
  }

  /**
   * Whether the image, which has been decoded, is a grey one of 16 bits whose values differ, but by
   * less than a sixteenth of the range that becomes 0 to 255: few shades are left.
   */
  public boolean isFaint() {
    return faint;
  }

  /**
   * All pixels.
   *
   * @throws UndecodableImageException if the image is truncated or corrupt
   */
  public RgbImage pixels() throws UndecodableImageException {
    return decode(Reduction.NONE);
  }

  /**
   * The view's image, [size, size, 3]: colour jitter on the whole image, crop, bicubic resize,
   * flip, as in the official pretraining transform (beit2/datasets.py).
   *
   * @throws UndecodableImageException if the image is truncated or corrupt
   * @throws IllegalArgumentException if the view's box is not within the image
   */
  public RgbImage render(View view, int size) throws UndecodableImageException {
    if (view.width() > width() - view.left() || view.height() > height() - view.top()) {
      throw new IllegalArgumentException(
          "%s is not within an image of %dx%d".formatted(view, width(), height()));
    }
    Reduction reduction = reduction(view.width(), view.height(), size, size);
    RgbImage image = decode(reduction);
    // The box in the image's pixels, and the pixels that it touches. No other pixel contributes.
    double scale = reduction.denominator();
    double left = view.left() / scale;
    double top = view.top() / scale;
    double right = (view.left() + view.width()) / scale;
    double bottom = (view.top() + view.height()) / scale;
    int x = (int) left;
    int y = (int) top;
    int columns = (int) Math.ceil(right) - x;
    int rows = (int) Math.ceil(bottom) - y;
    Taps horizontal = Taps.of(columns, left - x, right - left, size, 0, size);
    Taps vertical = Taps.of(rows, top - y, bottom - top, size, 0, size);
    if (ColorJitter.changes(view)) {
      RgbImage jittered = ColorJitter.crop(image, view, x, y, columns, rows);
      return BicubicResize.resize(jittered, 0, 0, horizontal, vertical, view.flip());
    }
    return BicubicResize.resize(image, x, y, horizontal, vertical, view.flip());
  }

  /**
   * The image for evaluation, [size, size, 3], as torchvision makes it: resize the shorter side to
   * 256/224 of {@code size}, then crop the centre.
   *
   * @throws UndecodableImageException if the image is truncated or corrupt
   */
  public RgbImage renderForEvaluation(int size) throws UndecodableImageException {
    return renderForEvaluation(size, shorterSide(size));
  }

  /**
   * The same with another length of the shorter side.
   *
   * @param shorter length to which it is resized, at least {@code size}
   * @throws UndecodableImageException if the image is truncated or corrupt
   */
  public RgbImage renderForEvaluation(int size, int shorter) throws UndecodableImageException {
    if (shorter < size) {
      throw new IllegalArgumentException("a centre of " + size + " in " + shorter + " pixels");
    }
    int resizedWidth = resized(shorter, width(), height());
    int resizedHeight = resized(shorter, height(), width());
    Reduction reduction = reduction(width(), height(), resizedWidth, resizedHeight);
    RgbImage image = decode(reduction);
    double scale = reduction.denominator();
    Taps horizontal = centre(image.width(), width() / scale, resizedWidth, size);
    Taps vertical = centre(image.height(), height() / scale, resizedHeight, size);
    return BicubicResize.resize(image, 0, 0, horizontal, vertical, false);
  }

  /** The length to which the evaluation resizes the shorter side, before it crops the centre. */
  public static int shorterSide(int size) {
    return (int) Math.rint(size * 256 / 224.0);
  }

  /** The length of a side after the shorter side is resized to {@code shorter}, rounded down. */
  private static int resized(int shorter, int side, int other) {
    return side <= other ? shorter : Math.toIntExact((long) shorter * side / other);
  }

  private static Taps centre(int inputSize, double length, int resized, int size) {
    int first = (int) Math.rint((resized - size) / 2.0);
    return Taps.of(inputSize, 0, length, resized, first, size);
  }

  private Reduction reduction(int width, int height, int outputWidth, int outputHeight) {
    return header.format().equals(ImageHeader.JPEG)
        ? Reduction.of(width, height, outputWidth, outputHeight)
        : Reduction.NONE;
  }

  private RgbImage decode(Reduction reduction) throws UndecodableImageException {
    if (decoded[reduction.ordinal()] == null) {
      ImageDecoder.Decoded image = ImageDecoder.decode(bytes, header, reduction, greyRange);
      decoded[reduction.ordinal()] = image.pixels();
      faint = image.faint();
    }
    return decoded[reduction.ordinal()];
  }
}
