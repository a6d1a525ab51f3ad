package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.Images.Expected;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ImageDecoderTest {
  static Stream<Expected> decoded() throws IOException {
    return Images.expected("decode");
  }

  @ParameterizedTest
  @MethodSource("decoded")
  void pixelsArePillows(Expected expected) throws Exception {
    expected.assertEqualTo(Images.decode(expected.file()));
  }

  /**
   * Pillow's are (138.5, 101.1, 70.5); a decoder that does not know Adobe's inversion is far off.
   */
  @Test
  void cmykIsConverted() throws Exception {
    byte[] rgb = Images.decode("cmyk.jpg").rgb();
    double[] means = new double[3];
    for (int i = 0; i < rgb.length; i++) {
      means[i % 3] += (rgb[i] & 0xFF) / (rgb.length / 3.0);
    }
    assertArrayEquals(new double[] {138.47, 101.12, 70.48}, means, 1.5);
  }

  @ParameterizedTest
  @CsvSource({
    "empty.jpg, empty file",
    "text.jpg, 'not an image (JPEG, PNG, WebP, GIF, BMP)'",
    "soi_only.jpg, truncated JPEG",
    "truncated_header.jpg, truncated JPEG",
    "truncated_half.jpg, truncated or corrupt JPEG",
    "no_eoi.jpg, truncated or corrupt JPEG",
    "bomb.jpg, 65000x65000 is over the limit of 178956970 pixels"
  })
  void unusableFilesAreRefusedWithTheReason(String file, String reason) throws IOException {
    byte[] bytes = Images.bytes(file);
    UndecodableImageException refused =
        assertThrows(UndecodableImageException.class, () -> ImageDecoder.decode(bytes));
    assertEquals(reason, refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"cat.jpg", "progressive.jpg", "png_named.jpg", "photo.webp", "lossless.webp"})
  void filesCutAnywhereAreRefused(String file) throws IOException {
    byte[] bytes = Images.bytes(file);
    for (int length = 0; length < bytes.length; length += 1 + bytes.length / 30) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(UndecodableImageException.class, () -> ImageDecoder.decode(cut), "" + length);
    }
    byte[] oneLess = Arrays.copyOf(bytes, bytes.length - 1);
    assertThrows(UndecodableImageException.class, () -> ImageDecoder.decode(oneLess));
  }

  @ParameterizedTest
  @CsvSource({
    "cat.jpg, 213, 160",
    "png_named.jpg, 96, 72",
    "photo.webp, 96, 72",
    "lossless.webp, 96, 72",
    "animated.gif, 96, 72"
  })
  void limitIsCheckedAgainstTheHeader(String file, int width, int height) throws Exception {
    byte[] bytes = Images.bytes(file);
    assertEquals(width, ImageDecoder.decode(bytes, (long) width * height).width());
    UndecodableImageException refused =
        assertThrows(
            UndecodableImageException.class,
            () -> ImageDecoder.decode(bytes, (long) width * height - 1));
    assertTrue(
        refused.getMessage().startsWith(width + "x" + height + " is over"), refused::getMessage);
  }

  @Test
  void threadsDecodeAtOnceAndNativeMemoryIsFreed() throws Exception {
    RgbImage expected = Images.decode("cat.jpg");
    byte[] bytes = Images.bytes("cat.jpg");
    long before = Pointer.totalBytes();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<RgbImage>> decoded = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        decoded.add(threads.submit(() -> ImageDecoder.decode(bytes)));
      }
      for (Future<RgbImage> picture : decoded) {
        assertEquals(expected, picture.get());
      }
    } finally {
      threads.shutdownNow();
    }
    assertEquals(before, Pointer.totalBytes());
  }
}
