package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.FuzzLimits;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** What fuzz tests of archives share. */
final class FuzzedArchives {
  private static final Path FOLDER = temporary();
  private static final long MAX_IMAGE_BYTES = 1 << 20;

  private FuzzedArchives() {}

  private static Path temporary() {
    try {
      return Files.createTempDirectory("beit2-fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Writes a set of two photographs in a format. */
  interface Writer {
    String write(Path folder, List<ImageRecord> images) throws IOException;
  }

  /** The files of that set. */
  static Stream<byte[]> seeds(Writer writer) throws IOException {
    Path folder = Files.createTempDirectory(FOLDER, "seeds");
    writer.write(folder, Sets.photographs().subList(0, 2));
    try (Stream<Path> files = Files.walk(folder)) {
      List<Path> written = files.filter(Files::isRegularFile).sorted().toList();
      assertFalse(written.isEmpty());
      return written.stream().map(FuzzedArchives::bytes);
    }
  }

  private static byte[] bytes(Path file) {
    try {
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Images and reasons, or an error that names the file; nothing else, whatever the bytes. */
  static void readOrRefuse(String format, String name, byte[] bytes) throws IOException {
    String file = Sets.write(FOLDER, name, bytes);
    ImageSource source = ImageSource.parse(file, format).withMaxImageBytes(MAX_IMAGE_BYTES);
    try {
      Sets.Scanned found = Sets.scan(source);
      for (ImageRecord image : found.images()) {
        assertTrue(image.bytes().length <= MAX_IMAGE_BYTES, image.toString());
      }
      for (RejectedImage rejected : found.rejected()) {
        assertFalse(rejected.reason().isBlank());
      }
      ImageDataset dataset = ImageDataset.open(source);
      for (ImageRecord image : Sets.inOrder(dataset, 0, 0)) {
        assertTrue(image.bytes().length <= MAX_IMAGE_BYTES, image.toString());
      }
    } catch (InvalidInputException e) {
      assertTrue(e.getMessage().contains(name), e.getMessage());
    }
    FuzzLimits.checkMemory();
  }
}
