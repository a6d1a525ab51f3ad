package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.io.image.Images.Expected;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RgbImageTest {
  static Stream<Expected> resized() throws IOException {
    return Images.expected("resize");
  }

  /** What: left, top, width, height, output width, output height. */
  @ParameterizedTest
  @MethodSource("resized")
  void resizesLikePillow(Expected expected) throws Exception {
    int[] what = expected.what().stream().skip(1).mapToInt(Integer::parseInt).toArray();
    RgbImage image = Images.decode(expected.file());
    expected.assertEqualTo(image.resize(what[0], what[1], what[2], what[3], what[4], what[5]));
  }

  @Test
  void writesAPlanarTensorFromZeroToOneAtTheBuffersPosition() {
    byte[] rgb = {0, (byte) 255, 51, (byte) 128, 1, 2};
    FloatBuffer buffer = FloatBuffer.allocate(8);
    buffer.position(1);
    new RgbImage(2, 1, rgb).toTensor(buffer);
    assertEquals(7, buffer.position());
    float[] expected = {0, 0, 128 / 255f, 1, 1 / 255f, 51 / 255f, 2 / 255f, 0};
    assertArrayEquals(expected, buffer.array());
  }

  @Test
  void boxesOutsideTheImageAreRefused() {
    RgbImage image = new RgbImage(4, 3, new byte[36]);
    assertThrows(IllegalArgumentException.class, () -> image.resize(-1, 0, 2, 2, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> image.resize(0, 2, 2, 2, 2, 2));
    assertThrows(
        IllegalArgumentException.class, () -> image.resize(3, 0, Integer.MAX_VALUE, 1, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> image.resize(0, 0, 5, 1, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> image.resize(0, 0, 1, 1, 0, 2));
    assertThrows(IllegalArgumentException.class, () -> new RgbImage(4, 3, new byte[35]));
  }
}
