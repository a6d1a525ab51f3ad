package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageFolder.Entry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageFolderTest {
  @TempDir Path folder;

  @BeforeEach
  void makeFiles() throws IOException {
    makeFile("train/fish/1.JPEG");
    makeFile("train/bird/b.jpeg");
    makeFile("train/bird/a b.JPG");
    makeFile("train/bird/deeper/c.png");
    makeFile("train/zebra/z.WebP");
    makeFile("train/bird/notes.txt");
    makeFile("train/README");
    makeFile("flat/2.jpg");
    makeFile("flat/1.jpg");
    makeFile("none/notes.txt");
  }

  private void makeFile(String name) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, name);
  }

  @Test
  void folderOfClassesGivesSortedKeysAndLabels() {
    ImageFolder images = ImageFolder.list(folder + "/train");
    assertEquals(List.of("bird", "fish", "zebra"), images.classes());
    assertEquals(
        List.of(
            "bird/a b.JPG=0",
            "bird/b.jpeg=0",
            "bird/deeper/c.png=0",
            "fish/1.JPEG=1",
            "zebra/z.WebP=2"),
        keysAndLabels(images));
  }

  @Test
  void flatFolderHasNoLabels() {
    ImageFolder images = ImageFolder.list(folder + "/flat");
    assertEquals(List.of(), images.classes());
    assertEquals(List.of("1.jpg=null", "2.jpg=null"), keysAndLabels(images));
  }

  @Test
  void nothingIsLeftOutSilently() throws IOException {
    makeFile("odd/bird/1.jfif");
    makeFile("odd/bird/2.gif");
    makeFile("odd/bird/3.tif");
    makeFile("odd/bird/4.jpg_large");
    makeFile("odd/bird/notes.txt");
    makeFile("odd/bird/README");
    makeFile("odd/.ipynb_checkpoints/1.jpg");
    makeFile("odd/@eaDir/1.jpg");
    makeFile("odd/bird/._1.jpg");
    Files.write(folder.resolve("odd/bird/5"), new byte[] {(byte) 0xFF, (byte) 0xD8, 1});
    Files.createSymbolicLink(folder.resolve("odd/bird/6.jpg"), folder.resolve("gone"));
    ImageFolder images = ImageFolder.list(folder + "/odd");
    assertEquals(List.of("bird"), images.classes());
    assertEquals(
        List.of("bird/1.jfif=0", "bird/2.gif=0", "bird/3.tif=0", "bird/4.jpg_large=0", "bird/5=0"),
        keysAndLabels(images));
    assertEquals(Map.of("txt", 1, "", 1), images.leftOut());
    assertEquals(List.of(new RejectedImage("bird/6.jpg", "a link to nothing")), images.rejected());
  }

  @Test
  void entriesAreReadWhole() throws IOException {
    ImageFolder images = ImageFolder.list(folder + "/train");
    assertArrayEquals("train/bird/a b.JPG".getBytes(UTF_8), images.read(images.entries().get(0)));
  }

  @Test
  void globMatchesAnyNameBelowItsRoot() {
    ImageFolder images = ImageFolder.list(folder + "/train/*/[a-n]*");
    assertEquals(
        List.of("bird/a b.JPG=0", "bird/b.jpeg=0", "bird/notes.txt=0"), keysAndLabels(images));
    assertEquals(
        List.of("b.jpeg=null"), keysAndLabels(ImageFolder.list(folder + "/train/bird/b.{jpeg,x}")));
  }

  @Test
  void keysDoNotDependOnTheRootsSpelling() {
    List<Entry> entries = ImageFolder.list(folder + "/train").entries();
    assertEquals(entries, ImageFolder.list(folder + "/train/").entries());
    assertEquals(entries, ImageFolder.list(folder + "/none/../train").entries());
    assertEquals(entries, ImageFolder.list("file:" + folder + "/train").entries());
    assertEquals(entries, ImageFolder.list("file://" + folder + "/train").entries());
    assertEquals(
        entries,
        ImageFolder.list(Path.of("").toAbsolutePath().relativize(folder) + "/train").entries());
  }

  @Test
  void linkedClassesAreFollowed() throws IOException {
    Files.createDirectories(folder.resolve("linked"));
    Files.createSymbolicLink(folder.resolve("linked/bird"), folder.resolve("train/bird"));
    assertEquals(
        List.of("bird/a b.JPG=0", "bird/b.jpeg=0", "bird/deeper/c.png=0"),
        keysAndLabels(ImageFolder.list(folder + "/linked")));
  }

  @Test
  void nothingToReadIsReportedInOneLine() {
    assertFound("nothing at " + folder + "/absent", folder + "/absent");
    assertFound("nothing at " + folder + "/absent/*.jpg", folder + "/absent/*.jpg");
    assertFound("nothing at " + folder + "/train/*.jpg", folder + "/train/*.jpg");
    assertFound("no image in " + folder + "/none", folder + "/none");
    assertFound("no image in " + folder + "/flat/1.jpg", folder + "/flat/1.jpg");
  }

  private static void assertFound(String found, String pathOrGlob) {
    InvalidInputException error =
        assertThrows(InvalidInputException.class, () -> ImageFolder.list(pathOrGlob));
    assertEquals(found, error.found());
    assertTrue(error.getMessage().startsWith("found " + found + "; wanted images "));
    assertEquals(1, error.getMessage().lines().count());
  }

  private static List<String> keysAndLabels(ImageFolder images) {
    return images.entries().stream().map(entry -> entry.key() + "=" + entry.label()).toList();
  }
}
