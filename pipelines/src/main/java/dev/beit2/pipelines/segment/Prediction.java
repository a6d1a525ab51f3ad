package dev.beit2.pipelines.segment;

import dev.beit2.io.image.LabelMask;
import dev.beit2.io.image.RgbImage;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/**
 * A picture of a prediction: the image, the image under its mask, and under the predicted one.
 *
 * @param key of the image
 * @param png the picture's file
 */
@SuppressWarnings("ArrayRecordComponent") // Written once, never changed.
record Prediction(String key, byte[] png) {
  private static final float GOLDEN_ANGLE = 0.38196602f; // of a whole turn
  private static final int PANELS = 3;

  /**
   * @param image as the network has seen it
   * @param mask of the original's size
   * @param found the predicted class of each pixel of the mask
   */
  static Prediction of(String key, RgbImage image, LabelMask mask, byte[] found)
      throws IOException {
    int width = image.width();
    int height = image.height();
    LabelMask wanted = mask.resize(width, height);
    LabelMask predicted = new LabelMask(mask.width(), mask.height(), found).resize(width, height);
    BufferedImage picture = new BufferedImage(PANELS * width, height, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < height; y++) {
      for (int x = 0; x < width; x++) {
        int at = y * width + x;
        int pixel =
            (image.rgb()[3 * at] & 0xFF) << 16
                | (image.rgb()[3 * at + 1] & 0xFF) << 8
                | (image.rgb()[3 * at + 2] & 0xFF);
        picture.setRGB(x, y, pixel);
        picture.setRGB(width + x, y, under(pixel, wanted.labels()[at] & 0xFF));
        picture.setRGB(2 * width + x, y, under(pixel, predicted.labels()[at] & 0xFF));
      }
    }
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    // By default ImageIO caches in a file.
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(png)) {
      ImageIO.write(picture, "png", out);
    }
    return new Prediction(key, png.toByteArray());
  }

  /** The mean of a pixel and its class's colour; pixels without a class stay as they are. */
  private static int under(int pixel, int label) {
    return label == LabelMask.IGNORED
        ? pixel
        : ((pixel & 0xFEFEFE) >> 1) + ((colour(label) & 0xFEFEFE) >> 1);
  }

  /** Classes after each other get distant hues. */
  static int colour(int label) {
    float brightness = label % 3 == 2 ? 0.6f : 0.95f; // hues repeat
    return Color.HSBtoRGB(label * GOLDEN_ANGLE, 0.85f, brightness) & 0xFFFFFF;
  }
}
