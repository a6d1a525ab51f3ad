package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * What Pillow made of further images, in a folder that {@code -Dimages.dir=DIR} names: {@code bad},
 * with a table in its README.md and images in {@code expected}, and {@code jpeg-reference}, with
 * boxes.json. The images of src/test/resources/images are of the same kinds.
 */
@EnabledIfSystemProperty(named = "images.dir", matches = ".+")
class PillowParityTest {
  // | `file` | bytes | what it is | decodes: … -> [image](…) or error: … |
  private static final Pattern ROW =
      Pattern.compile("\\| `(.+?)` \\|.*\\| (error|decodes): (?:.*-> \\[(.+?)])?.*\\|");

  private final Path folder = Path.of(System.getProperty("images.dir", ""));

  @TestFactory
  List<DynamicTest> badImagesDecodeLikePillowsOrAreRefusedWithTheReason() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (String line : Files.readAllLines(folder.resolve("bad/README.md"))) {
      Matcher row = ROW.matcher(line);
      if (row.matches()) {
        String file = row.group(1);
        tests.add(DynamicTest.dynamicTest(file, () -> checkBad(file, row.group(3))));
      }
    }
    assertEquals(24, tests.size());
    return tests;
  }

  private void checkBad(String file, String image) throws Exception {
    byte[] bytes = Files.readAllBytes(folder.resolve("bad").resolve(file));
    assertTimeoutPreemptively(
        Duration.ofSeconds(5),
        () -> {
          if (image == null) {
            UndecodableImageException refused =
                assertThrows(UndecodableImageException.class, () -> decode(bytes));
            System.out.println(file + ": " + refused.getMessage());
          } else if (!file.equals("grey16.png")) { // Pillow clips it, which is of no use.
            double difference = meanDifference(read("bad/" + image), decode(bytes));
            assertTrue(difference <= 3, () -> difference + " of 255");
            System.out.println(file + ": mean difference " + difference);
          }
        });
  }

  @TestFactory
  List<DynamicTest> pixelsResizesAndEvaluationsArePillowsToTheByte() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    Path reference = folder.resolve("jpeg-reference");
    for (JsonNode file :
        new ObjectMapper().readTree(reference.resolve("boxes.json").toFile()).get("files")) {
      Path jpeg = reference.resolve(file.get("file").asText());
      tests.add(same(file.get("rgb"), () -> open(jpeg).pixels()));
      for (JsonNode box : file.get("boxes")) {
        JsonNode edges = box.get("box");
        int left = edges.get(0).asInt();
        int top = edges.get(1).asInt();
        int width = edges.get(2).asInt() - left;
        int height = edges.get(3).asInt() - top;
        tests.add(
            same(
                box.get("output"),
                () -> open(jpeg).pixels().resize(left, top, width, height, 224, 224)));
      }
      tests.add(same(file.get("eval").get("output"), () -> open(jpeg).renderForEvaluation(224)));
    }
    assertEquals(48, tests.size());
    return tests;
  }

  private interface Rendering {
    RgbImage get() throws Exception;
  }

  private DynamicTest same(JsonNode image, Rendering rendering) {
    String name = image.asText();
    return DynamicTest.dynamicTest(
        name, () -> assertEquals(read("jpeg-reference/" + name), rendering.get()));
  }

  private static EncodedImage open(Path file) throws Exception {
    return EncodedImage.open(Files.readAllBytes(file), DecodingLimits.DEFAULT);
  }

  private static RgbImage decode(byte[] bytes) throws UndecodableImageException {
    return EncodedImage.open(bytes, DecodingLimits.DEFAULT).pixels();
  }

  /** A PNG by the JDK's decoder, not the one that is tested. */
  private RgbImage read(String png) throws IOException {
    BufferedImage image = ImageIO.read(folder.resolve(png).toFile());
    byte[] rgb = new byte[3 * image.getWidth() * image.getHeight()];
    for (int i = 0; i < rgb.length / 3; i++) {
      int pixel = image.getRGB(i % image.getWidth(), i / image.getWidth());
      rgb[3 * i] = (byte) (pixel >> 16);
      rgb[3 * i + 1] = (byte) (pixel >> 8);
      rgb[3 * i + 2] = (byte) pixel;
    }
    return new RgbImage(image.getWidth(), image.getHeight(), rgb);
  }

  private static double meanDifference(RgbImage expected, RgbImage actual) {
    assertEquals(expected.toString(), actual.toString());
    double sum = 0;
    for (int i = 0; i < expected.rgb().length; i++) {
      sum += Math.abs((expected.rgb()[i] & 0xFF) - (actual.rgb()[i] & 0xFF));
    }
    return sum / expected.rgb().length;
  }
}
