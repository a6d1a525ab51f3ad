package dev.beit2.pipelines.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.pipelines.cli.CommandLine;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GenerateImagesTest {
  private static final int COUNT = 12;

  @TempDir Path dir;

  @Test
  void imagesDifferFromEachOtherButNotBetweenRuns() throws Exception {
    ImageFolder once = generate("once", COUNT, 0);
    ImageFolder again = generate("again", COUNT / 2, 0);
    ImageFolder other = generate("other", 1, 1);
    assertEquals(COUNT, once.entries().size());
    Set<Integer> pixels = new HashSet<>();
    for (ImageFolder.Entry entry : once.entries()) {
      byte[] jpeg = once.read(entry);
      EncodedImage image = EncodedImage.open(jpeg, DecodingLimits.DEFAULT);
      assertEquals(500 * 375, image.width() * image.height());
      pixels.add(image.pixels().hashCode());
    }
    assertEquals(COUNT, pixels.size());
    for (int i = 0; i < COUNT / 2; i++) {
      assertArrayEquals(
          once.read(once.entries().get(i)), again.read(again.entries().get(i)), "image " + i);
    }
    assertEquals("000/0000000.JPEG", other.entries().get(0).key());
    assertNotEquals(
        once.read(once.entries().get(0)).length, other.read(other.entries().get(0)).length);
  }

  private ImageFolder generate(String name, int count, long seed) throws Exception {
    String output = dir.resolve(name).toString();
    GenerateImages.run(
        CommandLine.parse(
            GenerateImages.COMMAND,
            new String[] {
              "--input=samples/val", "--output=" + output, "--count=" + count, "--seed=" + seed
            }),
        "test");
    return ImageFolder.list(output);
  }
}
