package dev.beit2.io.image;

import static org.bytedeco.opencv.global.opencv_core.CV_8UC1;
import static org.bytedeco.opencv.global.opencv_core.CV_8UC3;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_COLOR_RGB;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMREAD_IGNORE_ORIENTATION;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.global.opencv_core;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * Decodes images as Pillow's {@code Image.open(f).convert("RGB")} does: no rotation by EXIF, no
 * colour management, transparency dropped; truncated files are refused. The format is told by the
 * content, not by the name: JPEG, PNG, WebP, GIF (its first frame) or BMP. Greater depths are
 * scaled to 8 bits.
 *
 * <p>Any number of threads may decode at once. Native memory is freed before a call returns.
 */
public final class ImageDecoder {
  /** Pillow's limit; larger pictures are refused before anything is allocated for them. */
  public static final long MAX_PIXELS = 178_956_970;

  private static final int FLAGS = IMREAD_COLOR_RGB | IMREAD_IGNORE_ORIENTATION;

  static {
    // JavaCPP refuses to allocate once the process is larger than a multiple of the Java heap, and
    // a process that trains always is. What is allocated here is freed here.
    setIfAbsent("org.bytedeco.javacpp.maxBytes", "0");
    setIfAbsent("org.bytedeco.javacpp.maxPhysicalBytes", "0");
    // Parallelism is the pipelines' business: one picture, one thread.
    opencv_core.setNumThreads(1);
  }

  private ImageDecoder() {}

  /** Makes OpenCV ready, as any call here does; for those who use it before they decode. */
  static void initialize() {}

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /**
   * @throws UndecodableImageException with a short reason: empty, not an image, truncated, corrupt,
   *     or more than {@link #MAX_PIXELS}
   */
  public static RgbImage decode(byte[] bytes) throws UndecodableImageException {
    return decode(bytes, MAX_PIXELS);
  }

  static RgbImage decode(byte[] bytes, long maxPixels) throws UndecodableImageException {
    ImageHeader header = ImageHeader.parse(bytes);
    if (header.pixels() > maxPixels) {
      throw new UndecodableImageException(
          header.width()
              + "x"
              + header.height()
              + " is over the limit of "
              + maxPixels
              + " pixels");
    }
    try (BytePointer data = new BytePointer(bytes);
        Mat encoded = new Mat(1, bytes.length, CV_8UC1, data);
        Mat picture = opencv_imgcodecs.imdecode(encoded, FLAGS)) {
      if (picture.empty() || picture.type() != CV_8UC3 || !picture.isContinuous()) {
        throw new UndecodableImageException("truncated or corrupt " + header.format());
      }
      byte[] rgb = new byte[3 * picture.cols() * picture.rows()];
      picture.data().get(rgb);
      return new RgbImage(picture.cols(), picture.rows(), rgb);
    } catch (RuntimeException e) { // how OpenCV's errors arrive
      throw new UndecodableImageException("corrupt " + header.format(), e);
    }
  }
}
