package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ImageIndex.Entry;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageIndexTest {
  @TempDir Path dir;

  private Entry entry(int i) {
    Integer label = i % 3 == 0 ? null : (Integer) (i * 7);
    return new Entry("class" + i / 100 + "/ü" + i + ".jpg", label, i % 5, (long) i << 33, i * 99);
  }

  private Path write(int count) throws IOException {
    Path file = dir.resolve(count + ".index");
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      ImageIndex.Writer writer = new ImageIndex.Writer(out);
      for (int i = 0; i < count; i++) {
        Entry e = entry(i);
        writer.add(e.key(), e.label(), e.partition(), e.offset(), e.length());
      }
      writer.finish(
          new ImageIndex.Header(
              count,
              List.of("/data/"),
              List.of("a", "b"),
              List.of(new RejectedImage("x", "why")),
              null));
    }
    return file;
  }

  @Test
  void entriesAreReadInAnyOrder() throws IOException {
    for (int count : new int[] {0, 1, 1023, 1024, 1025, 50_000}) {
      try (ImageIndex index = ImageIndex.open(write(count))) {
        assertEquals(count, index.header().images());
        assertEquals(List.of(new RejectedImage("x", "why")), index.header().rejected());
        for (int i = count - 1; i >= 0; i -= 1 + count / 3000) {
          assertEquals(entry(i), index.entry(i));
        }
      }
    }
  }

  @Test
  void anotherFileIsNoIndex() throws IOException {
    Path file = write(3000);
    byte[] bytes = Files.readAllBytes(file);
    for (int length : new int[] {0, 10, 24, bytes.length / 2, bytes.length - 1}) {
      Files.write(file, Arrays.copyOf(bytes, length));
      assertThrows(IOException.class, () -> ImageIndex.open(file).close(), "" + length);
    }
  }

  /** What the launcher lists and another JVM reads. */
  @Test
  void aSetOpenedFromItsIndexIsTheSame() throws IOException {
    for (String name : List.of("b/2.jpg", "a/1.jpg", "a/3.png", "b/notes.txt")) {
      Path file = dir.resolve("images/" + name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
    ImageSource source = ImageSource.parse(dir + "/images", "folder");
    StoredFile index = StoredFile.in(dir.toString(), ".images.index");
    try (ImageDataset listed = ImageDataset.open(source)) {
      listed.writeIndex(index);
      Files.writeString(dir.resolve("images/a/0.jpg"), "new"); // which nobody lists
      try (ImageDataset opened = ImageDataset.open(source, index)) {
        assertEquals(3, opened.size());
        assertEquals(List.of("a", "b"), opened.classes());
        assertEquals(listed.note(), opened.note());
        assertTrue(opened.note().contains("1 .txt"), opened.note());
        for (int position = 0; position < 3; position++) {
          ImageRecord image = listed.epoch(1, 2).read(position);
          assertEquals(image, opened.epoch(1, 2).read(position));
          assertEquals(image.bytes().length, opened.epoch(1, 2).bytes(position));
          assertEquals(
              image.key(), new String(image.bytes(), java.nio.charset.StandardCharsets.UTF_8));
          assertEquals(image.key().startsWith("a") ? 0 : 1, image.label());
        }
      }
      assertTrue(Files.exists(dir.resolve(".images.index")));
    }
  }

  @Test
  void theTemporaryIndexIsDeleted() throws IOException {
    Path file = write(10);
    ImageIndex.openTemporary(file).close();
    assertFalse(Files.exists(file));
  }
}
