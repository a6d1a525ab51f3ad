package dev.beit2.io.image;

import static org.bytedeco.opencv.global.opencv_core.CV_8UC3;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.opencv_core.Mat;

/**
 * Encodes images as JPEG (libjpeg-turbo through OpenCV): baseline, with chroma at half resolution.
 * The same pixels give the same bytes.
 *
 * <p>Any number of threads may encode at once. Native memory is freed before a call returns.
 */
public final class ImageEncoder {
  private static final int STORED_QUALITY = 90;

  private ImageEncoder() {}

  /**
   * @param quality 1 to 100
   */
  public static byte[] jpeg(RgbImage image, int quality) {
    if (quality < 1 || quality > 100) {
      throw new IllegalArgumentException("quality is " + quality + ", must be in [1, 100]");
    }
    ImageDecoder.initialize();
    try (BytePointer pixels = new BytePointer(bgr(image.rgb()));
        Mat mat = new Mat(image.height(), image.width(), CV_8UC3, pixels);
        IntPointer parameters = new IntPointer(opencv_imgcodecs.IMWRITE_JPEG_QUALITY, quality);
        BytePointer jpeg = new BytePointer()) {
      if (!opencv_imgcodecs.imencode(".jpg", mat, jpeg, parameters)) {
        throw new IllegalStateException("OpenCV does not encode " + image + " as JPEG");
      }
      byte[] bytes = new byte[Math.toIntExact(jpeg.limit())];
      jpeg.get(bytes);
      return bytes;
    }
  }

  /** OpenCV's order of the colours. */
  private static byte[] bgr(byte[] rgb) {
    byte[] bgr = new byte[rgb.length];
    for (int i = 0; i < rgb.length; i += 3) {
      bgr[i] = rgb[i + 2];
      bgr[i + 1] = rgb[i + 1];
      bgr[i + 2] = rgb[i];
    }
    return bgr;
  }

  /**
   * An encoded image whose shorter side is at most this. An image that is small enough keeps its
   * bytes; any other is resized and becomes a JPEG of quality {@value #STORED_QUALITY}, whatever
   * its format was. The longer side is rounded down, as in torchvision's Resize.
   *
   * @param shorterSide in pixels, at least 1
   * @throws UndecodableImageException as {@link EncodedImage} does
   */
  public static byte[] withShorterSide(EncodedImage image, int shorterSide)
      throws UndecodableImageException {
    int width = image.width();
    int height = image.height();
    int shorter = Math.min(width, height);
    if (shorter <= shorterSide) {
      return image.bytes();
    }
    int smallerWidth = (int) ((long) width * shorterSide / shorter);
    int smallerHeight = (int) ((long) height * shorterSide / shorter);
    RgbImage smaller = image.pixels().resize(0, 0, width, height, smallerWidth, smallerHeight);
    return jpeg(smaller, STORED_QUALITY);
  }
}
