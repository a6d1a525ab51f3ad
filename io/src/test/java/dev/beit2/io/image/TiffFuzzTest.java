package dev.beit2.io.image;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Mutated TIFFs: an image or a reason, whatever the bytes. */
class TiffFuzzTest {
  static Stream<byte[]> images() throws IOException {
    return FuzzedImages.seeds(
        "tiff_tiled.tif", "tiff_big.tif", "tiff_rgb16.tif", "tiff_bilevel.tif", "tiff_palette.tif");
  }

  @MethodSource("images")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void decodesOrRefuses(byte[] bytes) throws IOException {
    FuzzedImages.decodeOrRefuse(bytes);
  }
}
