package dev.beit2.pipelines.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.DecodingLimits;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

final class ExampleLoaderTest {
  /** Images 0, 1, …, some of them broken or missing; epoch e starts with image e. */
  @SuppressWarnings("ArrayRecordComponent") // Of a test, never compared.
  private record Numbers(int count, Set<Integer> broken, Set<Integer> missing, byte[] png)
      implements ExampleLoader.Source<Integer> {
    @Override
    public long size() {
      return count;
    }

    @Override
    public Integer read(long epoch, long index) {
      int number = (int) ((index + epoch) % count);
      return missing.contains(number) ? null : number;
    }

    @Override
    public String key(Integer example) {
      return "image" + example;
    }

    @Override
    public byte[] image(Integer example) {
      return broken.contains(example) ? new byte[] {0} : png;
    }
  }

  private static ExampleLoader<Integer> loader(int count, Integer... broken) throws IOException {
    return loader(count, Set.of(broken), Set.of());
  }

  private static ExampleLoader<Integer> loader(int count, Set<Integer> broken, Set<Integer> missing)
      throws IOException {
    return new ExampleLoader<>(
        new Numbers(count, broken, missing, png(BufferedImage.TYPE_INT_RGB)),
        DecodingLimits.DEFAULT);
  }

  /** An image that is almost black. */
  private static byte[] png(int type) throws IOException {
    BufferedImage image = new BufferedImage(2, 2, type);
    image.getRaster().setSample(0, 0, 0, 1);
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    ImageIO.write(image, "png", png);
    return png.toByteArray();
  }

  private static int example(ExampleLoader<Integer> loader, long position) throws IOException {
    return loader
        .render(position, loader.read(position), (example, image) -> image.pixels())
        .example();
  }

  @Test
  void anUndecodableImageIsReplacedByTheNextDecodableOneInAnyOrderOfReading() throws IOException {
    List<Integer> forward = new ArrayList<>();
    ExampleLoader<Integer> loader = loader(4, 1, 2);
    for (int position = 0; position < 8; position++) {
      forward.add(example(loader, position));
    }
    assertEquals(List.of(0, 3, 3, 3, 3, 3, 3, 0), forward);
    List<Integer> backward = new ArrayList<>();
    ExampleLoader<Integer> other = loader(4, 1, 2);
    for (int position = 7; position >= 0; position--) {
      backward.add(example(other, position));
    }
    Collections.reverse(backward);
    assertEquals(forward, backward);
    assertEquals(
        List.of("image1", "image2"), loader.rejected().stream().map(image -> image.key()).toList());
    assertEquals(1, loader.epoch(4));
  }

  @Test
  void aDataSetWithoutAnyDecodableImageIsRefused() throws IOException {
    ExampleLoader<Integer> loader = loader(2, 0, 1);
    assertThrows(InvalidInputException.class, () -> example(loader, 0));
  }

  @Test
  void aMissingImageIsReplacedByTheNextReadableOne() throws IOException {
    List<Integer> examples = new ArrayList<>();
    ExampleLoader<Integer> loader = loader(5, Set.of(0), Set.of(1, 3, 4));
    for (int position = 0; position < 10; position++) {
      examples.add(example(loader, position));
    }
    assertEquals(Collections.nCopies(10, 2), examples);
    ExampleLoader<Integer> sound = loader(5, Set.of(), Set.of(1, 2));
    assertEquals(0, example(sound, 0));
    assertEquals(3, sound.read(1));
    assertEquals(3, example(sound, 1));
    assertEquals(3, example(sound, 3));
    assertEquals(0, example(sound, 9)); // the last of the next epoch
    assertEquals(List.of(), sound.rejected());
  }

  @Test
  void aDataSetWithoutAnyReadableImageIsRefused() throws IOException {
    ExampleLoader<Integer> loader = loader(2, Set.of(), Set.of(0, 1));
    assertThrows(InvalidInputException.class, () -> loader.read(0));
    ExampleLoader<Integer> broken = loader(2, Set.of(0), Set.of(1));
    assertThrows(InvalidInputException.class, () -> example(broken, 0));
  }

  /** A run that goes on in a later epoch tells of faint images, too. */
  @Test
  void faintImagesCountInTheEpochThatIsSeenFirst() throws IOException {
    ExampleLoader<Integer> loader =
        new ExampleLoader<>(
            new Numbers(3, Set.of(), Set.of(), png(BufferedImage.TYPE_USHORT_GRAY)),
            DecodingLimits.DEFAULT);
    for (int position = 4; position < 12; position++) {
      example(loader, position);
    }
    assertEquals(2, loader.faint()); // positions 4 and 5
  }
}
