package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.FuzzLimits;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** What fuzz tests of images share. */
final class FuzzedImages {
  /** A header may claim as much; 12 MB of pixels. */
  private static final DecodingLimits LIMITS = new DecodingLimits(4_000_000, 1 << 20);

  private FuzzedImages() {}

  static Stream<byte[]> seeds(String... files) throws IOException {
    List<byte[]> seeds = new ArrayList<>();
    for (String file : files) {
      seeds.add(Images.bytes(file));
    }
    return seeds.stream();
  }

  static void decodeOrRefuse(byte[] bytes) throws IOException {
    try {
      EncodedImage image = EncodedImage.open(bytes, LIMITS);
      assertTrue((long) image.width() * image.height() <= LIMITS.maxPixels());
      image.pixels();
      // Decodes a large one at reduced size.
      image.renderForEvaluation(32);
    } catch (UndecodableImageException e) {
      assertFalse(e.getMessage().isBlank());
    }
    FuzzLimits.checkMemory();
  }
}
