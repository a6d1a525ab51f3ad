package dev.beit2.io.image;

import static org.bytedeco.opencv.global.opencv_core.CV_8UC3;

import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.opencv.global.opencv_imgproc;
import org.bytedeco.opencv.opencv_core.Mat;
import org.bytedeco.opencv.opencv_core.Size;

/** What mmsegmentation does to images by OpenCV, with the same pixels. */
final class OpenCvImage {
  private OpenCvImage() {}

  private interface Change {
    void apply(Mat from, Mat to);
  }

  private static RgbImage change(RgbImage image, Change change) {
    ImageDecoder.initialize();
    try (BytePointer pixels = new BytePointer(image.rgb());
        Mat from = new Mat(image.height(), image.width(), CV_8UC3, pixels);
        Mat to = new Mat()) {
      change.apply(from, to);
      byte[] changed = new byte[3 * to.cols() * to.rows()];
      try (BytePointer data = to.data()) {
        data.get(changed);
      }
      return new RgbImage(to.cols(), to.rows(), changed);
    }
  }

  /** Bilinear, without antialiasing: {@code cv2.resize}. */
  static RgbImage resize(RgbImage image, int width, int height) {
    if (width == image.width() && height == image.height()) {
      return image;
    }
    return change(
        image,
        (from, to) -> {
          try (Size size = new Size(width, height)) {
            opencv_imgproc.resize(from, to, size, 0, 0, opencv_imgproc.INTER_LINEAR);
          }
        });
  }

  /** Hue 0 to 179, saturation and value 0 to 255 in place of red, green and blue. */
  static RgbImage toHsv(RgbImage image) {
    return change(
        image, (from, to) -> opencv_imgproc.cvtColor(from, to, opencv_imgproc.COLOR_RGB2HSV));
  }

  static RgbImage fromHsv(RgbImage hsv) {
    return change(
        hsv, (from, to) -> opencv_imgproc.cvtColor(from, to, opencv_imgproc.COLOR_HSV2RGB));
  }
}
