package dev.beit2.io.image;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Mutated JPEGs: an image or a reason, whatever the bytes. */
class JpegFuzzTest {
  static Stream<byte[]> images() throws IOException {
    return FuzzedImages.seeds(
        "cat.jpg", "444.jpg", "grey.jpg", "cmyk.jpg", "progressive.jpg", "exif_orientation_6.jpg");
  }

  @MethodSource("images")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void decodesOrRefuses(byte[] bytes) throws IOException {
    FuzzedImages.decodeOrRefuse(bytes);
  }
}
