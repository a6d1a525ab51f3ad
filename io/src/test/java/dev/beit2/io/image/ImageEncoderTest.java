package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ImageEncoderTest {
  @Test
  void higherQualityKeepsPixelsCloser() throws Exception {
    RgbImage cat = Images.decode("cat.jpg");
    double previous = Double.MAX_VALUE;
    for (int quality : new int[] {30, 60, 90, 100}) {
      byte[] jpeg = ImageEncoder.jpeg(cat, quality);
      assertArrayEquals(jpeg, ImageEncoder.jpeg(cat, quality), "the same pixels, the same bytes");
      double difference = difference(cat, pixels(jpeg));
      assertTrue(difference < previous, quality + ": " + difference);
      previous = difference;
    }
    assertTrue(previous < 2, "mean difference at quality 100: " + previous);
    assertThrows(IllegalArgumentException.class, () -> ImageEncoder.jpeg(cat, 0));
  }

  @Test
  void channelsKeepTheirOrder() throws Exception {
    byte[] orange = new byte[3 * 16 * 16];
    for (int i = 0; i < orange.length; i += 3) {
      orange[i] = (byte) 250;
      orange[i + 1] = (byte) 120;
      orange[i + 2] = 10;
    }
    RgbImage decoded = pixels(ImageEncoder.jpeg(new RgbImage(16, 16, orange), 95));
    assertTrue(difference(new RgbImage(16, 16, orange), decoded) < 3);
  }

  @Test
  void smallImagesAreStoredAsTheyAre() throws Exception {
    for (String file : new String[] {"cat.jpg", "png_named.jpg", "photo.webp"}) {
      byte[] bytes = Images.bytes(file);
      RgbImage image = pixels(bytes);
      int shorter = Math.min(image.width(), image.height());
      assertSame(bytes, ImageEncoder.withShorterSide(Images.open(bytes), shorter));
    }
  }

  @Test
  void largeImagesBecomeAJpegOfTheResizedImage() throws Exception {
    for (String file : new String[] {"cat.jpg", "png_named.jpg", "photo.webp", "cmyk.jpg"}) {
      RgbImage image = Images.decode(file);
      int shorter = Math.min(image.width(), image.height());
      int side = shorter / 2;
      byte[] smaller = ImageEncoder.withShorterSide(Images.open(file), side);
      int width = image.width() * side / shorter;
      int height = image.height() * side / shorter;
      assertEquals(side, Math.min(width, height));
      RgbImage resized = image.resize(0, 0, image.width(), image.height(), width, height);
      assertArrayEquals(ImageEncoder.jpeg(resized, 90), smaller, file);
      assertEquals("JPEG", ImageHeader.parse(smaller).format());
    }
  }

  @Test
  void bytesThatAreNotAnImageAreRefused() {
    for (String file : new String[] {"text.jpg", "empty.jpg", "truncated_half.jpg"}) {
      assertThrows(
          UndecodableImageException.class,
          () -> ImageEncoder.withShorterSide(Images.open(file), 1),
          file);
    }
  }

  private static RgbImage pixels(byte[] image) throws UndecodableImageException {
    return EncodedImage.open(image, DecodingLimits.DEFAULT).pixels();
  }

  private static double difference(RgbImage one, RgbImage other) {
    assertEquals(one.toString(), other.toString());
    long sum = 0;
    for (int i = 0; i < one.rgb().length; i++) {
      sum += Math.abs((one.rgb()[i] & 0xFF) - (other.rgb()[i] & 0xFF));
    }
    return (double) sum / one.rgb().length;
  }
}
