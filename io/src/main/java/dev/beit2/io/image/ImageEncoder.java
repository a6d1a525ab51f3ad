package dev.beit2.io.image;

import static org.bytedeco.opencv.global.opencv_core.CV_8UC3;
import static org.bytedeco.opencv.global.opencv_imgcodecs.IMWRITE_JPEG_QUALITY;
import static org.bytedeco.opencv.global.opencv_imgproc.COLOR_RGB2BGR;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.IntPointer;
import org.bytedeco.opencv.global.opencv_imgcodecs;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;

/** Encodes pictures as baseline JPEG, 4:2:0, by libjpeg-turbo through OpenCV. */
public final class ImageEncoder {
  private ImageEncoder() {}

  /**
   * The picture as JPEG; the same bytes each time.
   *
   * @param quality 1 to 100, as libjpeg counts
   */
  public static byte[] jpeg(RgbImage image, int quality) {
    if (quality < 1 || quality > 100) {
      throw new IllegalArgumentException("quality is " + quality + ", must be in [1, 100]");
    }
    try (BytePointer pixels = new BytePointer(image.rgb());
        Mat rgb = new Mat(image.height(), image.width(), CV_8UC3, pixels);
        Mat bgr = new Mat();
        BytePointer jpeg = new BytePointer();
        IntPointer parameters = new IntPointer(IMWRITE_JPEG_QUALITY, quality)) {
      opencv_imgproc.cvtColor(rgb, bgr, COLOR_RGB2BGR);
      if (!opencv_imgcodecs.imencode(".jpg", bgr, jpeg, parameters)) {
        throw new IllegalStateException("no JPEG of " + image);
      }
      byte[] bytes = new byte[(int) jpeg.limit()];
      jpeg.get(bytes);
      return bytes;
    }
  }
}
