package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import java.awt.image.BufferedImage;
import java.awt.image.DataBuffer;
import java.awt.image.Raster;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Arrays;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageInputStream;

/**
 * The class of each pixel of an image.
 *
 * @param width pixels a row, at least 1
 * @param height rows, at least 1
 * @param labels [height, width]: a class, or {@value #IGNORED} for none; not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // Copying every mask for immutability's sake is waste.
public record LabelMask(int width, int height, byte[] labels) {
  /** The value of pixels without a class. */
  public static final int IGNORED = 255;

  public LabelMask {
    requireNonNull(labels, "labels is null");
    if (width < 1 || height < 1 || labels.length != (long) width * height) {
      throw new IllegalArgumentException(
          labels.length + " labels are no mask of " + width + "x" + height);
    }
  }

  /**
   * Decodes a mask: an image of one channel of at most 8 bits, or with a palette, whose numbers
   * count and not its colours. ADE20K's are such PNGs.
   *
   * @param bytes the file's content
   * @throws UndecodableImageException with a short reason: no image, truncated, several channels,
   *     16 bits, or over a limit
   */
  public static LabelMask decode(byte[] bytes, DecodingLimits limits)
      throws UndecodableImageException {
    EncodedImage header = header(bytes, limits);
    BufferedImage image = read(bytes);
    Raster raster = image.getRaster();
    if (raster.getNumBands() != 1 || raster.getDataBuffer().getDataType() != DataBuffer.TYPE_BYTE) {
      throw new UndecodableImageException(
          "a mask of %d channels of %d bits"
              .formatted(raster.getNumBands(), image.getSampleModel().getSampleSize(0)));
    }
    int width = header.width();
    int height = header.height();
    if (raster.getWidth() != width || raster.getHeight() != height) {
      throw new UndecodableImageException("a mask whose size is not that of its header");
    }
    byte[] labels = new byte[width * height];
    int[] row = new int[width];
    for (int y = 0; y < height; y++) {
      raster.getSamples(0, y, width, 1, 0, row);
      for (int x = 0; x < width; x++) {
        labels[y * width + x] = (byte) row[x];
      }
    }
    return new LabelMask(width, height, labels);
  }

  private static EncodedImage header(byte[] bytes, DecodingLimits limits)
      throws UndecodableImageException {
    try {
      return EncodedImage.open(bytes, limits);
    } catch (UndecodableImageException e) {
      throw new UndecodableImageException("a mask that is no image: " + e.getMessage(), e);
    }
  }

  private static BufferedImage read(byte[] bytes) throws UndecodableImageException {
    try {
      // Not closed here: ImageIO closes it once it has read it, and it holds nothing but memory.
      BufferedImage image =
          ImageIO.read(new MemoryCacheImageInputStream(new ByteArrayInputStream(bytes)));
      if (image != null) {
        return image;
      }
    } catch (IOException | RuntimeException e) { // ImageIO's readers throw both
      throw new UndecodableImageException("truncated or corrupt mask", e);
    }
    throw new UndecodableImageException("a mask that is no PNG, BMP or GIF");
  }

  /** Value 0 means no class, and the other classes begin with 1 (ADE20K's masks). */
  public LabelMask withoutZero() {
    byte[] reduced = new byte[labels.length];
    for (int i = 0; i < labels.length; i++) {
      int label = labels[i] & 0xFF;
      reduced[i] = (byte) (label == 0 || label == IGNORED ? IGNORED : label - 1);
    }
    return new LabelMask(width, height, reduced);
  }

  /**
   * Checks that all labels are classes.
   *
   * @param classes how many there are
   * @throws UndecodableImageException if there is another one
   */
  public void requireClasses(int classes) throws UndecodableImageException {
    for (byte label : labels) {
      if ((label & 0xFF) >= classes && (label & 0xFF) != IGNORED) {
        throw new UndecodableImageException(
            "a mask with class %d of %d".formatted(label & 0xFF, classes));
      }
    }
  }

  /** Resizes the mask as OpenCV does with the nearest neighbour: its upper left one. */
  public LabelMask resize(int outputWidth, int outputHeight) {
    byte[] resized = new byte[outputWidth * outputHeight];
    double across = (double) width / outputWidth;
    double down = (double) height / outputHeight;
    for (int y = 0; y < outputHeight; y++) {
      int row = Math.min(height - 1, (int) (y * down)) * width;
      for (int x = 0; x < outputWidth; x++) {
        resized[y * outputWidth + x] = labels[row + Math.min(width - 1, (int) (x * across))];
      }
    }
    return new LabelMask(outputWidth, outputHeight, resized);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof LabelMask that
        && width == that.width
        && height == that.height
        && Arrays.equals(labels, that.labels);
  }

  @Override
  public int hashCode() {
    return 31 * (31 * width + height) + Arrays.hashCode(labels);
  }

  @Override
  public String toString() {
    return "LabelMask[" + width + "x" + height + "]";
  }
}
