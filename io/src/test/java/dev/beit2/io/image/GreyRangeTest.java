package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.Random;
import javax.annotation.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class GreyRangeTest {
  private static EncodedImage open(byte[] image, @Nullable String range) throws Exception {
    GreyRange parsed = range == null ? null : GreyRange.parse(range);
    return EncodedImage.open(image, DecodingLimits.DEFAULT.withGreyRange(parsed));
  }

  /** The red channel; the others are the same. */
  private static int[] greys(byte[] image, @Nullable String range) throws Exception {
    byte[] rgb = open(image, range).pixels().rgb();
    int[] greys = new int[rgb.length / 3];
    for (int i = 0; i < greys.length; i++) {
      assertTrue(rgb[3 * i] == rgb[3 * i + 1] && rgb[3 * i] == rgb[3 * i + 2]);
      greys[i] = rgb[3 * i] & 0xFF;
    }
    return greys;
  }

  private static boolean isFaint(byte[] image, @Nullable String range) throws Exception {
    EncodedImage opened = open(image, range);
    opened.pixels();
    return opened.isFaint();
  }

  @Test
  void theRangeBecomesBlackToWhite() throws Exception {
    byte[] image = Images.grey16(0, 0, 999, 1000, 1255, 1256, 1511, 1512, 65535);
    assertArrayEquals(
        new int[] {0, 0, 0, 127, 128, 255, 255, 255}, greys(image, "1000,1511")); // 2 a shade
    assertArrayEquals(new int[] {0, 3, 3, 4, 4, 5, 5, 255}, greys(image, null));
    assertArrayEquals(greys(image, null), greys(image, "0,65535"));
  }

  @Test
  void minmaxIsTheRangeOfEachImage() throws Exception {
    assertArrayEquals(new int[] {255, 0, 128}, greys(Images.grey16(0, 1511, 1000, 1256), "minmax"));
    assertArrayEquals(new int[] {0, 255}, greys(Images.grey16(0, 4, 5), "minmax"));
    assertArrayEquals(new int[] {0, 0}, greys(Images.grey16(0, 700, 700), "minmax"));
  }

  @Test
  void wideImagesAreScaledInParts() throws Exception {
    int[] samples = new Random(1).ints(70_000, 0, 65536).toArray();
    int[] greys = greys(Images.grey16(0, samples), null);
    for (int i = 0; i < samples.length; i++) {
      assertEquals(samples[i] >> 8, greys[i], "" + i);
    }
  }

  /** It is what people have said, and a file's significant bits are what its writer has. */
  @Test
  void aRangeIsStrongerThanSignificantBits() throws Exception {
    byte[] image = Images.grey16(12, 0, 2048, 4095);
    assertArrayEquals(new int[] {0, 128, 255}, greys(image, null));
    assertArrayEquals(new int[] {0, 8, 15}, greys(image, "0,65535"));
  }

  @Test
  void tiffsAndTransparentPngsAreGreyImagesToo() throws Exception {
    byte[] tiff = Images.bytes("tiff_grey16.tif");
    int[] all = greys(tiff, null);
    int[] upperHalf = greys(tiff, "32768,65535");
    for (int i = 0; i < all.length; i++) {
      assertEquals(Math.max(0, 2 * (all[i] * 257 - 32768) / 257), upperHalf[i], 1);
    }
    byte[] row = ByteBuffer.allocate(9).putShort(1, (short) 5).putShort(5, (short) 9).array();
    assertArrayEquals(new int[] {0, 255}, greys(Images.png16(4, 0, 2, row), "5,9"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"png_named.jpg", "cat.jpg", "tiff_rgb16.tif", "grey.jpg"})
  void otherImagesHaveNoRange(String file) throws Exception {
    byte[] image = Images.bytes(file);
    assertEquals(Images.decode(file), open(image, "0,9").pixels());
    assertFalse(isFaint(image, "0,9"));
  }

  @Test
  void imagesThatUseLittleOfTheRangeAreFaint() throws Exception {
    byte[] twelveBits = Images.grey16(0, 0, 100, 4095);
    assertTrue(isFaint(twelveBits, null));
    assertTrue(isFaint(twelveBits, "5000,6000"));
    assertFalse(isFaint(twelveBits, "0,4095"));
    assertFalse(isFaint(twelveBits, "minmax"));
    assertFalse(isFaint(Images.grey16(12, 0, 100, 4095), null));
    assertFalse(isFaint(Images.grey16(0, 0, 100, 4096), null));
    assertFalse(isFaint(Images.grey16(0, 100, 100), null), "an empty image is no mistake");
    byte[] colours = ByteBuffer.allocate(7).putShort(1, (short) 5).array();
    assertFalse(isFaint(Images.png16(2, 0, 1, colours), null));
  }

  @Test
  void isWrittenAsItWasRead() {
    for (String text : new String[] {"minmax", "0,4095", "7,65535"}) {
      assertEquals(text, GreyRange.parse(text).toString());
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "5", "5,", "5,5", "0,0", "9,5", "-1,5", "0,65536", "0,99999999999", "a,b"})
  void otherTextsAreRefused(String text) {
    assertThrows(IllegalArgumentException.class, () -> GreyRange.parse(text));
  }
}
