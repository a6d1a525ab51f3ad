package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.Images.Expected;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class EncodedImageTest {
  private static final List<String> ORDERS = List.of("bcs", "bsc", "cbs", "csb", "sbc", "scb");

  static Stream<Expected> decoded() throws IOException {
    return Images.expected("decode");
  }

  static Stream<Expected> rendered() throws IOException {
    return Images.expected("render");
  }

  static Stream<Expected> evaluated() throws IOException {
    return Images.expected("evaluation");
  }

  private static RgbImage decode(byte[] bytes) throws UndecodableImageException {
    return EncodedImage.open(bytes, DecodingLimits.DEFAULT).pixels();
  }

  @ParameterizedTest
  @MethodSource("decoded")
  void decodesLikePillow(Expected expected) throws Exception {
    expected.assertEqualTo(Images.decode(expected.file()));
  }

  /** What: order, brightness, contrast, saturation, left, top, width, height, flip, size. */
  @ParameterizedTest
  @MethodSource("rendered")
  void rendersLikeTheOfficialTransformOnPillow(Expected expected) throws Exception {
    List<String> what = expected.what();
    int[] box = what.stream().skip(5).limit(4).mapToInt(Integer::parseInt).toArray();
    View view =
        new View(
            box[0],
            box[1],
            box[2],
            box[3],
            what.get(9).equals("1"),
            Float.parseFloat(what.get(2)),
            Float.parseFloat(what.get(3)),
            Float.parseFloat(what.get(4)),
            (byte) ORDERS.indexOf(what.get(1)));
    EncodedImage image = Images.open(expected.file());
    byte[] before = image.pixels().rgb().clone();
    expected.assertEqualTo(image.render(view, Integer.parseInt(what.get(10))));
    assertArrayEquals(before, image.pixels().rgb(), "rendering changed the pixels");
  }

  @ParameterizedTest
  @MethodSource("evaluated")
  void rendersForEvaluationLikeTorchvisionOnPillow(Expected expected) throws Exception {
    int size = Integer.parseInt(expected.what().get(1));
    expected.assertEqualTo(Images.open(expected.file()).renderForEvaluation(size));
  }

  @Test
  void viewsOutsideTheImageAreRefused() throws Exception {
    EncodedImage image = Images.open("cat.jpg");
    assertThrows(IllegalArgumentException.class, () -> image.render(View.ofBox(0, 0, 241, 160), 8));
    assertThrows(IllegalArgumentException.class, () -> image.render(View.ofBox(1, 1, 239, 160), 8));
  }

  /** Sides are just long enough for the reduction. Limits in units of 1/255, and in decibels. */
  @ParameterizedTest
  @CsvSource({
    "coffee.jpg, 100, HALF, 0.6, 46",
    "coffee.jpg, 50, QUARTER, 0.8, 44",
    "coffee.jpg, 25, EIGHTH, 1, 42",
    "cat.jpg, 40, HALF, 0.6, 46",
    "cat.jpg, 20, QUARTER, 1, 44",
  })
  void reducedDecodingMakesNoVisibleDifference(
      String file, int size, Reduction reduction, double mean, double decibels) throws Exception {
    EncodedImage image = Images.open(file);
    RgbImage full = image.pixels();
    int side = full.height();
    assertEquals(reduction, Reduction.of(side, side, size, size));
    // Odd, so that the box has a fraction of a reduced pixel on each edge.
    View view = View.ofBox(full.width() - side - 13, 0, side, side);
    BicubicResize.Taps across = BicubicResize.Taps.of(side, size);
    byte[] exact = BicubicResize.resize(full, view.left(), view.top(), across, across, false).rgb();
    byte[] reduced = image.render(view, size).rgb();
    double difference = meanDifference(exact, reduced);
    double noise = decibels(exact, reduced);
    assertTrue(
        difference < mean && noise > decibels, () -> difference + " of 255, " + noise + " dB");
    assertTrue(difference > 0, "nothing was reduced");
  }

  /** Pretraining renders one view of an image, tokenizing several. */
  @Test
  void pixelsOfAViewDoNotDependOnOtherViews() throws Exception {
    EncodedImage shared = Images.open("coffee.jpg");
    Augmentation augmentation = Augmentation.randomResizedCrop(0.2).withJitter(0.4);
    Set<Reduction> reductions = EnumSet.noneOf(Reduction.class);
    for (int i = 0; i < 12; i++) {
      View view = augmentation.sample(1, "coffee", i, shared.width(), shared.height());
      reductions.add(Reduction.of(view.width(), view.height(), 80, 80));
      assertEquals(Images.open("coffee.jpg").render(view, 80), shared.render(view, 80));
    }
    assertEquals(EnumSet.of(Reduction.NONE, Reduction.HALF), reductions);
  }

  @ParameterizedTest
  @EnumSource(Reduction.class)
  void reducedSidesAreRoundedUp(Reduction reduction) throws Exception {
    for (String file : List.of("cat.jpg", "narrow.jpg", "one_pixel.jpg", "cmyk.jpg")) {
      byte[] bytes = Images.bytes(file);
      ImageHeader header = ImageHeader.parse(bytes);
      RgbImage reduced = ImageDecoder.decode(bytes, header, reduction, null).pixels();
      int denominator = reduction.denominator();
      assertEquals((int) Math.ceil((double) header.width() / denominator), reduced.width());
      assertEquals((int) Math.ceil((double) header.height() / denominator), reduced.height());
    }
  }

  /** Red, green and blue as in Pillow's image, and the image before it became CMYK. */
  @ParameterizedTest
  @CsvSource({"cmyk.jpg, 139.68, 102.22, 72.01", "ycck.jpg, 140.79, 102.23, 73.38"})
  void cmykIsConverted(String file, double red, double green, double blue) throws Exception {
    byte[] rgb = Images.decode(file).rgb();
    double[] means = new double[3];
    for (int i = 0; i < rgb.length; i++) {
      means[i % 3] += (rgb[i] & 0xFF) / (rgb.length / 3.0);
    }
    assertArrayEquals(new double[] {red, green, blue}, means, 1.2);
    assertTrue(meanDifference(Images.decode("png_named.jpg").rgb(), rgb) < 3);
  }

  /** Pillow clips 16 bits to 8; this decoder scales them. */
  @Test
  void greyOf16BitsIsScaled() throws Exception {
    byte[] rgb = Images.decode("grey16.png").rgb();
    byte[] colour = Images.decode("png_named.jpg").rgb();
    for (int i = 0; i < rgb.length; i += 3) {
      int red = colour[i] & 0xFF;
      int green = colour[i + 1] & 0xFF;
      int blue = colour[i + 2] & 0xFF;
      assertEquals((299 * red + 587 * green + 114 * blue) / 1000.0, rgb[i] & 0xFF, 1);
      assertTrue(rgb[i] == rgb[i + 1] && rgb[i] == rgb[i + 2]);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "empty.jpg, empty file",
    "text.jpg, 'not an image (JPEG, PNG, WebP, GIF, BMP, TIFF)'",
    "soi_only.jpg, truncated JPEG",
    "truncated_header.jpg, truncated JPEG",
    "truncated_half.jpg, truncated or corrupt JPEG",
    "no_eoi.jpg, truncated or corrupt JPEG",
    "bomb.jpg, 65000x65000 is over the limit of 178956970 pixels"
  })
  void unusableFilesAreRefusedWithAReason(String file, String reason) throws IOException {
    byte[] bytes = Images.bytes(file);
    UndecodableImageException refused =
        assertThrows(UndecodableImageException.class, () -> decode(bytes));
    assertEquals(reason, refused.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"cat.jpg", "progressive.jpg", "png_named.jpg", "photo.webp", "lossless.webp"})
  void truncatedFilesAreRefused(String file) throws IOException {
    byte[] bytes = Images.bytes(file);
    for (int length = 0; length < bytes.length; length += 1 + bytes.length / 30) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(UndecodableImageException.class, () -> decode(cut), "" + length);
    }
    byte[] oneLess = Arrays.copyOf(bytes, bytes.length - (file.startsWith("png") ? 13 : 1));
    assertThrows(UndecodableImageException.class, () -> decode(oneLess));
  }

  /** As Pillow reads it: all pixels are there. */
  @Test
  void pngWithoutItsLastChunkIsRead() throws Exception {
    byte[] png = Images.bytes("png_named.jpg");
    for (int missing : new int[] {1, 4, 11, 12}) {
      assertEquals(decode(png), decode(Arrays.copyOf(png, png.length - missing)), "" + missing);
    }
    byte[] damaged = png.clone();
    damaged[png.length - 5] ^= 1; // no IEND any more
    assertEquals(decode(png), decode(damaged));
  }

  @Test
  void transparencyOfAGifIsDropped() throws Exception {
    byte[] gif = Images.bytes("animated.gif");
    RgbImage opaque = decode(gif);
    for (int i = 0; i < gif.length - 2; i++) {
      if (gif[i] == 0x21 && gif[i + 1] == (byte) 0xF9) {
        gif[i + 3] |= 1; // whatever its colour
      }
    }
    assertEquals(opaque, decode(gif));
  }

  /** White is 255, not 248. */
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void bmpOf16BitsIsScaledAsPillowDoes(boolean green6) throws Exception {
    ByteBuffer bmp = ByteBuffer.allocate(66 + 8).order(ByteOrder.LITTLE_ENDIAN);
    bmp.put((byte) 'B').put((byte) 'M').putInt(74).putInt(0).putInt(66);
    bmp.putInt(40).putInt(3).putInt(1).putShort((short) 1).putShort((short) 16);
    bmp.putInt(3).putInt(8).putInt(0).putInt(0).putInt(0).putInt(0);
    int green = green6 ? 0x7E0 : 0x3E0;
    bmp.putInt(green6 ? 0xF800 : 0x7C00).putInt(green).putInt(0x1F);
    bmp.putShort((short) 0xFFFF).putShort((short) (green6 ? 33 << 5 : 17 << 5)).putShort((short) 7);
    byte g = (byte) (green6 ? 33 * 255 / 63 : 17 * 255 / 31);
    assertArrayEquals(
        new byte[] {-1, -1, -1, 0, g, 0, 0, 0, (byte) (7 * 255 / 31)}, decode(bmp.array()).rgb());
  }

  /** X-rays of 12 bits: in the lower bits, as many writers have them, or in the upper ones. */
  @ParameterizedTest
  @CsvSource({"1, true", "16, true", "16, false"})
  void significantBitsCount(int factor, boolean told) throws Exception {
    int[] samples = IntStream.range(0, 256).map(i -> i * 16 * factor).toArray();
    byte[] rgb = decode(Images.grey16(told ? 12 : 0, samples)).rgb();
    for (int i = 0; i < rgb.length; i++) {
      assertEquals(i / 3 % 256, rgb[i] & 0xFF);
    }
  }

  /** What is sound but not read is not called broken. */
  @Test
  void reasonsNameTheFormat() throws Exception {
    byte[] jpeg = Images.bytes("cat.jpg");
    int frame = lastIndexOf(jpeg, 0xC0);
    jpeg[frame + 4] = 12;
    assertEquals(
        "a JPEG of 12 bits per channel, which is not read", refusal(jpeg, DecodingLimits.DEFAULT));
    jpeg[frame + 4] = 8;
    jpeg[frame + 1] = (byte) 0xC3;
    assertEquals("a lossless JPEG, which is not read", refusal(jpeg, DecodingLimits.DEFAULT));
    byte[] png = Images.bytes("png_named.jpg");
    System.arraycopy("CgBI".getBytes(UTF_8), 0, png, 12, 4);
    assertEquals("an iPhone's PNG (CgBI), which is not read", refusal(png, DecodingLimits.DEFAULT));
    String others = ", which is not read (JPEG, PNG, WebP, GIF, BMP, TIFF are)";
    assertEquals(
        "a TIFF of samples of 32 bits (floating point), which is not read",
        refusal(Images.bytes("tiff_float.tif"), DecodingLimits.DEFAULT));
    assertEquals("a HEIC image" + others, refusal("\0\0\0\30ftypheic\0\0\0\0"));
    assertEquals("an AVIF image" + others, refusal("\0\0\0\30ftypavif\0\0\0\0"));
    assertEquals("a video" + others, refusal("\0\0\0\30ftypisom\0\0\0\0"));
    assertEquals("a DICOM file" + others, refusal("\0".repeat(128) + "DICM"));
    assertEquals("an HTML page" + others, refusal("\n<!DOCTYPE html><html>"));
    assertEquals(
        "not an image (JPEG, PNG, WebP, GIF, BMP, TIFF)",
        refusal("BM is how this text begins, and it goes on for a while."));
  }

  private static String refusal(String content) {
    return refusal(content.getBytes(ISO_8859_1), DecodingLimits.DEFAULT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiff_tiled.tif", "tiff_big.tif", "tiff_jpeg.tif", "tiff_planar.tif"})
  void truncatedTiffsAreRefused(String file) throws Exception {
    byte[] bytes = Images.bytes(file);
    for (int length = bytes.length - 1; length > 0; length -= 1 + bytes.length / 50) {
      byte[] cut = Arrays.copyOf(bytes, length);
      assertThrows(UndecodableImageException.class, () -> decode(cut), () -> "of " + cut.length);
    }
  }

  /** Otherwise the view that is read first would decide whether an image is rejected. */
  @ParameterizedTest
  @EnumSource(Reduction.class)
  void corruptImagesAreRefusedAtAnyReduction(Reduction reduction) throws Exception {
    for (String file : List.of("cat.jpg", "progressive.jpg", "arithmetic.jpg")) {
      byte[] bytes = Images.bytes(file);
      ImageHeader header = ImageHeader.parse(bytes);
      for (int length = bytes.length - 1; length > 0; length -= 1 + bytes.length / 30) {
        byte[] cut = Arrays.copyOf(bytes, length);
        assertThrows(
            UndecodableImageException.class,
            () -> ImageDecoder.decode(cut, header, reduction, null));
      }
    }
    byte[] corrupt = Images.bytes("corrupt_entropy.jpg");
    ImageDecoder.decode(corrupt, ImageHeader.parse(corrupt), reduction, null);
  }

  @ParameterizedTest
  @CsvSource({
    "cat.jpg, 240, 160",
    "png_named.jpg, 96, 72",
    "photo.webp, 96, 72",
    "lossless.webp, 96, 72",
    "animated.gif, 96, 72"
  })
  void theHeaderLimitsTheNumberOfPixels(String file, int width, int height) throws Exception {
    byte[] bytes = Images.bytes(file);
    long pixels = (long) width * height;
    DecodingLimits justEnough = new DecodingLimits(pixels, bytes.length);
    assertEquals(width, EncodedImage.open(bytes, justEnough).pixels().width());
    assertEquals(
        width + "x" + height + " is over the limit of " + (pixels - 1) + " pixels",
        refusal(bytes, new DecodingLimits(pixels - 1, bytes.length)));
    assertEquals(
        bytes.length + " bytes are over the limit of " + (bytes.length - 1),
        refusal(bytes, new DecodingLimits(pixels, bytes.length - 1)));
  }

  /** 2^32 − 1 on each side: the product overflows a long. Found by the fuzzer. */
  @Test
  void hugeSizesDoNotOverflow() throws Exception {
    byte[] png = Images.bytes("alpha.png");
    ByteBuffer.wrap(png).putInt(16, -1).putInt(20, -1);
    assertEquals(
        "4294967295x4294967295 is over the limit of 715827879 pixels",
        refusal(png, new DecodingLimits(DecodingLimits.MOST_PIXELS, 1 << 20)));
    assertThrows(
        IllegalArgumentException.class,
        () -> new DecodingLimits(DecodingLimits.MOST_PIXELS + 1L, 1));
  }

  private static String refusal(byte[] bytes, DecodingLimits limits) {
    return assertThrows(UndecodableImageException.class, () -> EncodedImage.open(bytes, limits))
        .getMessage();
  }

  /** A thousand scans of a few bytes would take 11 seconds for 4000 x 4000 pixels. */
  @Test
  void jpegsWithTooManyScansAreRefused() throws Exception {
    byte[] progressive = Images.bytes("progressive.jpg");
    int lastScan = lastIndexOf(progressive, 0xDA);
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    bomb.write(progressive, 0, progressive.length - 2);
    for (int i = 0; i < 1000; i++) {
      bomb.write(progressive, lastScan, progressive.length - 2 - lastScan);
    }
    bomb.write(progressive, progressive.length - 2, 2);
    assertEquals(
        "1010 scans of 96x72 are over the limit of 500, and of 2000000000 pixels altogether",
        refusal(bomb.toByteArray(), DecodingLimits.DEFAULT));

    int frame = lastIndexOf(progressive, 0xC2);
    ByteBuffer.wrap(progressive)
        .putShort(frame + 5, (short) 16383)
        .putShort(frame + 7, (short) 16383);
    String many = refusal(progressive, new DecodingLimits(DecodingLimits.MOST_PIXELS, 1 << 20));
    assertTrue(many.startsWith("10 scans of 16383x16383 are over"), many);
  }

  private static int lastIndexOf(byte[] bytes, int marker) {
    for (int i = bytes.length - 2; ; i--) {
      if (bytes[i] == (byte) 0xFF && bytes[i + 1] == (byte) marker) {
        return i;
      }
    }
  }

  /** 300 texts that inflate to 8 MB each would take libpng 16 seconds. */
  @Test
  void textChunksOfAPngAreNotInflated() throws Exception {
    byte[] png = Images.bytes("png_named.jpg");
    ByteArrayOutputStream deflated = new ByteArrayOutputStream();
    deflated.writeBytes(new byte[] {'z', 'T', 'X', 't', 'k', 0, 0});
    try (DeflaterOutputStream text = new DeflaterOutputStream(deflated)) {
      text.write(new byte[7_900_000]);
    }
    byte[] data = deflated.toByteArray();
    CRC32 checksum = new CRC32();
    checksum.update(data);
    ByteBuffer chunk =
        ByteBuffer.allocate(data.length + 8)
            .putInt(data.length - 4)
            .put(data)
            .putInt((int) checksum.getValue());
    int endOfHeader = 8 + 25;
    ByteArrayOutputStream bomb = new ByteArrayOutputStream();
    bomb.write(png, 0, endOfHeader);
    for (int i = 0; i < 300; i++) {
      bomb.writeBytes(chunk.array());
    }
    bomb.write(png, endOfHeader, png.length - endOfHeader);
    RgbImage decoded =
        assertTimeoutPreemptively(Duration.ofSeconds(5), () -> decode(bomb.toByteArray()));
    assertEquals(decode(png), decoded);
  }

  @Test
  void imagesWithoutPixelsAreRefused() throws Exception {
    byte[] jpeg = Images.bytes("cat.jpg");
    ByteBuffer.wrap(jpeg).putShort(lastIndexOf(jpeg, 0xC0) + 5, (short) 0);
    assertEquals("corrupt JPEG", refusal(jpeg, DecodingLimits.DEFAULT));
  }

  @Test
  void threadsDecodeConcurrentlyAndNativeMemoryIsFreed() throws Exception {
    RgbImage expected = Images.decode("cat.jpg");
    byte[] bytes = Images.bytes("cat.jpg");
    long before = Pointer.totalBytes();
    ExecutorService threads = Executors.newFixedThreadPool(4);
    try {
      List<Future<RgbImage>> decoded = new ArrayList<>();
      for (int i = 0; i < 200; i++) {
        decoded.add(threads.submit(() -> decode(bytes)));
      }
      for (Future<RgbImage> image : decoded) {
        assertEquals(expected, image.get());
      }
    } finally {
      threads.shutdownNow();
    }
    assertEquals(before, Pointer.totalBytes());
  }

  private static double meanDifference(byte[] a, byte[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.abs((a[i] & 0xFF) - (b[i] & 0xFF));
    }
    return sum / a.length;
  }

  /** The peak signal-to-noise ratio. */
  private static double decibels(byte[] a, byte[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += Math.pow((a[i] & 0xFF) - (b[i] & 0xFF), 2);
    }
    return 10 * Math.log10(255.0 * 255.0 * a.length / sum);
  }
}
