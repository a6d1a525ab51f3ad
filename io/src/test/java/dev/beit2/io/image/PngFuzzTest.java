package dev.beit2.io.image;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Mutated PNGs, WebPs and GIFs: an image or a reason, whatever the bytes. */
class PngFuzzTest {
  static Stream<byte[]> images() throws IOException {
    return FuzzedImages.seeds(
        "alpha.png", "palette_transparent.png", "photo.webp", "lossless.webp", "animated.gif");
  }

  @MethodSource("images")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void decodesOrRefuses(byte[] bytes) throws IOException {
    FuzzedImages.decodeOrRefuse(bytes);
  }
}
