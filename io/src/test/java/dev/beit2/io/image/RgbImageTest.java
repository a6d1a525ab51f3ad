package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.io.image.Images.Expected;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RgbImageTest {
  private static final List<String> ORDERS = List.of("bcs", "bsc", "cbs", "csb", "sbc", "scb");

  static Stream<Expected> resized() throws IOException {
    return Images.expected("resize");
  }

  static Stream<Expected> rendered() throws IOException {
    return Images.expected("render");
  }

  /** What: left, top, width, height, output width, output height. */
  @ParameterizedTest
  @MethodSource("resized")
  void resizeIsPillows(Expected expected) throws Exception {
    int[] what = expected.what().stream().skip(1).mapToInt(Integer::parseInt).toArray();
    RgbImage image = Images.decode(expected.file());
    expected.assertEqualTo(image.resize(what[0], what[1], what[2], what[3], what[4], what[5]));
  }

  /** What: order, brightness, contrast, saturation, left, top, width, height, flip, size. */
  @ParameterizedTest
  @MethodSource("rendered")
  void renderIsTheOfficialTransformOnPillow(Expected expected) throws Exception {
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
    RgbImage image = Images.decode(expected.file());
    byte[] before = image.rgb().clone();
    expected.assertEqualTo(image.render(view, Integer.parseInt(what.get(10))));
    assertArrayEquals(before, image.rgb(), "rendering changed the picture it was made of");
  }

  @Test
  void cropTakesThePixelsOfTheBox() {
    RgbImage image = new RgbImage(3, 2, bytes(0, 18));
    assertEquals(new RgbImage(2, 1, bytes(12, 6)), image.crop(1, 1, 2, 1));
  }

  @Test
  void mirroredKeepsChannelsInOrder() {
    RgbImage image = new RgbImage(2, 2, bytes(0, 12));
    byte[] mirrored = {3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8};
    assertEquals(new RgbImage(2, 2, mirrored), image.mirrored());
  }

  @Test
  void tensorIsPlanarFromZeroToOneAtTheBuffersPosition() {
    byte[] rgb = {0, (byte) 255, 51, (byte) 128, 1, 2};
    FloatBuffer buffer = FloatBuffer.allocate(8);
    buffer.position(1);
    new RgbImage(2, 1, rgb).toTensor(buffer);
    assertEquals(7, buffer.position());
    float[] expected = {0, 0, 128 / 255f, 1, 1 / 255f, 51 / 255f, 2 / 255f, 0};
    assertArrayEquals(expected, buffer.array());
  }

  @Test
  void boxesOutsideThePictureAreRefused() {
    RgbImage image = new RgbImage(4, 3, new byte[36]);
    assertThrows(IllegalArgumentException.class, () -> image.crop(-1, 0, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> image.crop(0, 2, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> image.crop(3, 0, Integer.MAX_VALUE, 1));
    assertThrows(IllegalArgumentException.class, () -> image.resize(0, 0, 5, 1, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> image.resize(0, 0, 1, 1, 0, 2));
    assertThrows(IllegalArgumentException.class, () -> new RgbImage(4, 3, new byte[35]));
  }

  private static byte[] bytes(int from, int length) {
    byte[] bytes = new byte[length];
    for (int i = 0; i < length; i++) {
      bytes[i] = (byte) (from + i);
    }
    return bytes;
  }
}
