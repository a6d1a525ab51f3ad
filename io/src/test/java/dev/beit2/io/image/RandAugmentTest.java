package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

/** Holds the operations against what Pillow made of images: randaugment/make_references.py. */
class RandAugmentTest {
  private static final String REFERENCES = "/randaugment/expected.tsv";

  private static byte[] resource(String name) throws IOException {
    try (InputStream in = RandAugmentTest.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  private static RgbImage image(String file) throws Exception {
    return EncodedImage.open(resource("/images/" + file), DecodingLimits.DEFAULT).pixels();
  }

  @Test
  void operationsArePillowsToTheByte() throws Exception {
    List<String> wrong = new ArrayList<>();
    Map<AugmentOperation, Integer> seen = new TreeMap<>();
    Map<String, RgbImage> images = new TreeMap<>();
    for (String line : new String(resource(REFERENCES), UTF_8).lines().skip(1).toList()) {
      String[] cells = line.split("\t");
      if (!images.containsKey(cells[0])) {
        images.put(cells[0], image(cells[0]));
      }
      AugmentOperation operation = AugmentOperation.valueOf(cells[1]);
      double argument =
          operation.argument(Double.parseDouble(cells[2]), Boolean.parseBoolean(cells[3]));
      byte[] rgb = operation.apply(images.get(cells[0]), argument).rgb();
      String digest = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(rgb));
      seen.merge(operation, 1, Integer::sum);
      if (!digest.equals(cells[4])) {
        wrong.add(line);
      }
    }
    assertEquals(List.of(), wrong);
    assertEquals(AugmentOperation.values().length, seen.size());
  }

  @Test
  void imagesAreNotChangedInPlace() throws Exception {
    RgbImage image = image("cat.jpg");
    byte[] before = image.rgb().clone();
    for (AugmentOperation operation : AugmentOperation.values()) {
      operation.apply(image, operation.argument(9, true));
      assertArrayEquals(before, image.rgb(), operation.name());
    }
  }

  @Test
  void whatIsDrawnDependsOnSeedKeyAndNumberAlone() throws Exception {
    RandAugment augment = RandAugment.of(9);
    RgbImage image = image("cat.jpg");
    assertEquals(augment.apply(image, 1, "a", 2), augment.apply(image, 1, "a", 2));
    List<RgbImage> others = new ArrayList<>();
    for (int number = 0; number < 40; number++) {
      others.add(augment.apply(image, 1, "a", number));
    }
    // A quarter of the views have no operation at all, as each is applied with probability ½.
    long unchanged = others.stream().filter(image::equals).count();
    assertTrue(unchanged >= 4 && unchanged <= 18, unchanged + " of 40");
    assertTrue(others.stream().distinct().count() > 20);
    assertNotEquals(
        new RandAugment(8, 9, 0.5).apply(image, 1, "a", 0),
        new RandAugment(8, 9, 0.5).apply(image, 1, "b", 0));
    assertEquals(image, new RandAugment(0, 9, 0.5).apply(image, 1, "a", 0));
  }

  @Test
  void magnitudesAreWithinBounds() {
    assertThrows(IllegalArgumentException.class, () -> RandAugment.of(10.5));
    assertThrows(IllegalArgumentException.class, () -> RandAugment.of(Double.NaN));
  }
}
