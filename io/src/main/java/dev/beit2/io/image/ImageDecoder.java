package dev.beit2.io.image;

import static org.bytedeco.opencv.global.opencv_core.CV_16UC3;
import static org.bytedeco.opencv.global.opencv_core.CV_8UC1;
import static org.bytedeco.opencv.global.opencv_core.CV_8UC3;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_ANYDEPTH;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR_RGB;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_IGNORE_ORIENTATION;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_REDUCED_GRAYSCALE_2;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_REDUCED_GRAYSCALE_4;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_REDUCED_GRAYSCALE_8;

import dev.beit2.io.InvalidInputException;
import javax.annotation.Nullable;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * Decodes images with OpenCV, whose libraries (libjpeg-turbo, libpng, libwebp) produce the same
 * pixels as Pillow.
 *
 * <p>Any number of threads may decode at once. Native memory is freed before a call returns.
 */
final class ImageDecoder {
  private static final int FLAGS = IMREAD_COLOR_RGB | IMREAD_IGNORE_ORIENTATION;

  static {
    // JavaCPP refuses to allocate once the process is larger than a multiple of the Java heap, and
    // a process that trains always is. What is allocated here is freed here.
    setIfAbsent("org.bytedeco.javacpp.maxBytes", "0");
    setIfAbsent("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    // One image uses one thread; the pipelines process many images in parallel.
    opencv_core.setNumThreads(1);
  }

  private ImageDecoder() {}

  /**
   * Loads OpenCV, for callers that use it before they decode an image. All methods here load it.
   */
  static void initialize() {}

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /**
   * A decoded image.
   *
   * @param faint whether it is a grey image of 16 bits that uses little of its range, so that few
   *     shades are left
   */
  record Decoded(RgbImage pixels, boolean faint) {}

  /**
   * @param header of these bytes
   * @param reduction NONE unless it is a JPEG
   * @param greyRange of grey images of 16 bits; null for all values, or those of a PNG's
   *     significant bits
   * @throws UndecodableImageException if the image is truncated or corrupt
   * @throws InvalidInputException if the pixels do not fit into the Java heap
   */
  static Decoded decode(
      byte[] bytes, ImageHeader header, Reduction reduction, @Nullable GreyRange greyRange)
      throws UndecodableImageException {
    int width = reduction.side((int) header.width());
    int height = reduction.side((int) header.height());
    byte[] content = content(bytes, header.format());
    int significantBits =
        header.format().equals(ImageHeader.PNG) ? PngChunks.of(bytes).significantBitsOf16() : 0;
    boolean deep = header.greyOf16Bits() || significantBits > 0;
    int depth = deep ? IMREAD_ANYDEPTH : 0;
    try (BytePointer data = new BytePointer(content);
        Mat encoded = new Mat(1, content.length, CV_8UC1, data);
        Mat image = opencv_imgcodecs.imdecode(encoded, FLAGS | flag(reduction) | depth)) {
      if (image.empty()
          || image.type() != (deep ? CV_16UC3 : CV_8UC3)
          || !image.isContinuous()
          || image.cols() != width
          || image.rows() != height) {
        throw new UndecodableImageException("truncated or corrupt " + header.format());
      }
      byte[] rgb = allocate(width, height);
      boolean faint = false;
      if (deep) {
        Samples16 samples = Samples16.of(image);
        GreyRange range = samples.range(significantBits, header.greyOf16Bits() ? greyRange : null);
        samples.scale(range, rgb);
        faint = header.greyOf16Bits() && samples.isFaint(range);
      } else {
        image.data().get(rgb);
      }
      if (header.format().equals(ImageHeader.BMP)) {
        BmpOf16Bits.scale(bytes, rgb);
      }
      return new Decoded(new RgbImage(width, height, rgb), faint);
    } catch (InvalidInputException e) {
      throw e;
    } catch (RuntimeException e) { // how OpenCV's errors arrive
      throw new UndecodableImageException("corrupt " + header.format(), e);
    }
  }

  /** What the decoder is given: what makes Pillow's pixels, and nothing else. */
  private static byte[] content(byte[] bytes, String format) {
    return switch (format) {
      case ImageHeader.PNG -> PngChunks.of(bytes).withoutOthers();
      case ImageHeader.GIF -> OpaqueGif.of(bytes);
      default -> bytes;
    };
  }

  private static byte[] allocate(int width, int height) {
    try {
      return new byte[3 * width * height];
    } catch (OutOfMemoryError e) {
      throw new InvalidInputException(
          "an image of %dx%d, which needs %d MB, and a Java heap of %d MB"
              .formatted(
                  width,
                  height,
                  (3L * width * height) >> 20,
                  Runtime.getRuntime().maxMemory() >> 20),
          "a larger heap (BEIT2_HEAP=4g, of a cluster --heapMegabytes=4096),"
              + " or a smaller --maxPixels, which leaves such images out",
          e);
    }
  }

  /** The names say grey, but colour comes with {@link #FLAGS}: one bit is one size. */
  private static int flag(Reduction reduction) {
    return switch (reduction) {
      case NONE -> 0;
      case HALF -> IMREAD_REDUCED_GRAYSCALE_2;
      case QUARTER -> IMREAD_REDUCED_GRAYSCALE_4;
      case EIGHTH -> IMREAD_REDUCED_GRAYSCALE_8;
    };
  }
}
