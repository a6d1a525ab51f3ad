package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** WebDataset and ImageNet's archives: odd contents, and archives that break off. */
class TarsTest {
  @TempDir Path dir;

  private ImageSource webDataset(Sets.TarContent content) throws IOException {
    return ImageSource.parse(Sets.write(dir, "s.tar", Sets.tar(content)), "webdataset");
  }

  private static ImageRecord image(String key, Integer label, String bytes) {
    return new ImageRecord(key, label, bytes.getBytes(UTF_8));
  }

  @Test
  void samplesAreGroupedAndLabelled() throws IOException {
    ImageSource source =
        webDataset(
            tar -> {
              tar.addFolder("x");
              tar.add("x/000.jpg", "a");
              tar.add("x/000.cls", "7");
              tar.add("001.cls", " 8\n");
              tar.add("001.JPEG", "b");
              tar.add("002.png", "c");
              tar.add("002.json", "{\"label\": 9, \"text\": \"…\"}");
              tar.add("003.webp", "d");
              tar.add("004.jpg", "e");
              tar.add("004.cls", "cat");
              tar.add("005.jpg", "f");
              tar.add("005.json", "{\"label\": \"cat\"");
              tar.add("006.jpg", "g");
              tar.add("006.cls", "-1");
              tar.add("__meta__.json", "{}");
              tar.add("README", "not in a sample");
              tar.add("._007.jpg", "macOS");
            });
    Sets.assertRead(
        source,
        List.of(
            image("x/000.jpg", 7, "a"),
            image("s/001.JPEG", 8, "b"),
            image("s/002.png", 9, "c"),
            image("s/003.webp", null, "d"),
            image("s/004.jpg", null, "e"),
            image("s/005.jpg", null, "f"),
            image("s/006.jpg", null, "g")),
        List.of(new RejectedImage("s/README", "a file without an ending in a WebDataset")));
  }

  @Test
  void labelsThatAreNoClassNumbersAreTold() throws IOException {
    ImageSource text =
        webDataset(
            tar -> {
              tar.add("0.jpg", "a");
              tar.add("0.cls", "cat");
              tar.add("1.jpg", "b");
              tar.add("1.cls", "1");
              tar.add("2.jpg", "c");
              tar.add("2.json", "{\"label\": [3]}");
              tar.add("3.jpg", "d");
              tar.add("3.json", "{\"caption\": \"no label\"}");
              tar.add("4.jpg", "e");
              tar.add("4.cls", "4294967296");
              tar.add("5.jpg", "f");
              tar.add("5.cls", "-1");
            });
    assertEquals(
        "s/0.jpg has the label cat, which is no class number (an integer from 0); such images have no label",
        text.summary().note());
    assertEquals(List.of("cat", "[3]", "4294967296"), Sets.unusableLabels(text));
    assertNull(webDataset(tar -> tar.add("0.jpg", "a")).summary().note());
  }

  /** What tools take for one sample, but people for several. */
  @Test
  void namesWithDotsAreRead() throws IOException {
    ImageSource source =
        webDataset(
            tar -> {
              tar.add("photo 2023.01.15.cls", "1");
              tar.add("photo 2023.01.15.jpg", "a");
              tar.add("photo 2023.02.15.jpg", "b");
              tar.add("photo 2023.02.15.cls", "2");
              tar.add("0001.input.jpg", "c");
              tar.add("0001.cls", "3");
              tar.add("0002.seg.png", "a mask");
              tar.add("0002.jpg", "d");
              tar.add("0003.gif", "e");
              tar.add("./x/0004.jpg", "f");
            });
    Sets.assertRead(
        source,
        List.of(
            image("s/photo 2023.01.15.jpg", 1, "a"),
            image("s/photo 2023.02.15.jpg", 2, "b"),
            image("s/0001.input.jpg", 3, "c"),
            image("s/0002.jpg", null, "d"),
            image("s/0003.gif", null, "e"),
            image("x/0004.jpg", null, "f")),
        List.of());
  }

  @Test
  void keysAreUniqueWhereNamesRepeat() throws IOException {
    for (int tar = 0; tar < 2; tar++) {
      String content = "tar " + tar;
      Sets.write(
          dir,
          "t-%d.tar".formatted(tar),
          Sets.tar(
              out -> {
                out.add("images/0.jpg", content);
                out.add("images/1.jpg", content);
                out.add("images/0.jpg", content + " again");
              }));
    }
    Sets.assertRead(
        ImageSource.parse(dir + "/t-{0..1}.tar", "auto"),
        List.of(
            image("t-0/images/0.jpg", null, "tar 0"),
            image("t-0/images/1.jpg", null, "tar 0"),
            image("t-0/000002/images/0.jpg", null, "tar 0 again"),
            image("t-1/images/0.jpg", null, "tar 1"),
            image("t-1/images/1.jpg", null, "tar 1"),
            image("t-1/000002/images/0.jpg", null, "tar 1 again")),
        List.of());
    // One tar alone keeps the names that it has.
    Sets.assertRead(
        ImageSource.parse(dir + "/t-1.tar", "auto"),
        List.of(
            image("images/0.jpg", null, "tar 1"),
            image("images/1.jpg", null, "tar 1"),
            image("t-1/000002/images/0.jpg", null, "tar 1 again")),
        List.of());
  }

  @Test
  void tarsPutTogetherAreAllRead() throws IOException {
    byte[] first = Sets.tar(out -> out.add("0.jpg", "a"));
    byte[] second = Sets.tar(out -> out.add("1.jpg", "b"));
    byte[] both = Arrays.copyOf(first, first.length + second.length + 700);
    System.arraycopy(second, 0, both, first.length, second.length);
    String tar = Sets.write(dir, "s.tar", both);
    List<ImageRecord> images = List.of(image("s/0.jpg", null, "a"), image("s/1.jpg", null, "b"));
    Sets.assertRead(ImageSource.parse(tar, "webdataset"), images, List.of());
    both[first.length + second.length + 600] = 1;
    Sets.write(dir, "s.tar", both);
    Sets.Scanned found = Sets.scan(ImageSource.parse(tar, "webdataset"));
    assertEquals(images, found.images());
    assertEquals(1, found.rejected().size(), "what is behind the end is told of");
  }

  @Test
  void archivesThatMayNotBeReadAreRejected() throws IOException {
    Sets.write(dir, "s-0.tar", Sets.tar(out -> out.add("0.jpg", "a")));
    Files.createSymbolicLink(dir.resolve("s-1.tar"), dir.resolve("gone"));
    Sets.Scanned found = Sets.scan(ImageSource.parse(dir.toString(), "webdataset"));
    assertEquals(List.of(image("s-0/0.jpg", null, "a")), found.images());
    assertEquals(List.of(new RejectedImage("s-1.tar", "a link to nothing")), found.rejected());
  }

  @Test
  void samplesWithoutExactlyOneImageAreRejected() throws IOException {
    ImageSource source =
        webDataset(
            tar -> {
              tar.add("0.cls", "1");
              tar.add("0.txt", "a caption");
              tar.add("1.jpg", "a");
              tar.add("1.png", "b");
              tar.addLink("2.jpg", "1.jpg");
              tar.add("2.cls", "1");
            });
    Sets.assertRead(
        source,
        List.of(image("s/1.jpg", null, "a")),
        List.of(
            new RejectedImage("s/0", "a sample without image (jpg, jpeg, png, webp)"),
            new RejectedImage("s/1.png", "a second image of sample 1"),
            new RejectedImage("s/2.jpg", "a link in a tar")));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void longAndNonAsciiNamesAreKept(boolean pax) throws IOException {
    String name = "ü".repeat(40) + "/" + "long".repeat(60);
    ImageSource source =
        webDataset(
            tar -> {
              if (pax) {
                tar.usePax();
              }
              tar.add(name + ".jpg", "a");
              tar.add(name + ".cls", "5");
              tar.add("short/1.jpg", "b");
            });
    Sets.assertRead(
        source, List.of(image(name + ".jpg", 5, "a"), image("short/1.jpg", null, "b")), List.of());
  }

  /** Wherever a tar is truncated: the images before are read, and the rest is reported. */
  @Test
  void imagesBeforeATruncationAreRead() throws IOException {
    byte[] whole =
        Sets.tar(
            tar -> {
              for (int i = 0; i < 4; i++) {
                tar.add(i + ".jpg", "x".repeat(700));
                tar.add(i + ".cls", "1");
              }
            });
    int sample = 512 + 1024 + 512 + 512;
    for (int length = 0; length <= 4 * sample + 500; length += 250) {
      String tar = Sets.write(dir, "s.tar", Arrays.copyOf(whole, length));
      Sets.Scanned found = Sets.scan(ImageSource.parse(tar, "webdataset"));
      int images = (length + sample - 512 - 700) / sample;
      assertEquals(Math.min(4, images), found.images().size(), "at " + length);
      assertEquals(1, found.rejected().size(), "at " + length);
      assertEquals("s.tar", found.rejected().get(0).key());
      assertTrue(
          found.rejected().get(0).reason().matches("at byte \\d+: truncated.*"),
          found.rejected().get(0).reason());
    }
    assertEquals(List.of(), Sets.scan(webDataset(tar -> tar.add("0.jpg", "a"))).rejected());
  }

  @Test
  void pipelinesAndTrainingReportATruncatedMemberAlike() throws IOException {
    byte[] whole =
        Sets.tar(
            tar -> {
              tar.add("0.jpg", "a");
              tar.add("1.jpg", "x".repeat(5000));
            });
    String tar = Sets.write(dir, "train-000003.tar", Arrays.copyOf(whole, 4000));
    Sets.assertRead(
        ImageSource.parse(tar, "auto"),
        List.of(image("train-000003/0.jpg", null, "a")),
        List.of(new RejectedImage("train-000003.tar", "at byte 4000: truncated in 1.jpg")));
  }

  @Test
  void filesThatAreNotTarsAreRejected() throws IOException {
    byte[] tar = Sets.tar(out -> out.add("0.jpg", "a"));
    byte[] damaged = Sets.tar(out -> out.add("1.jpg", "b"));
    damaged[0] ^= 1;
    byte[] both = new byte[1024 + damaged.length];
    System.arraycopy(tar, 0, both, 0, 1024);
    System.arraycopy(damaged, 0, both, 1024, damaged.length);
    Sets.Scanned found = Sets.scan(ImageSource.parse(Sets.write(dir, "s.tar", both), "webdataset"));
    assertEquals(List.of(image("s/0.jpg", null, "a")), found.images());
    assertEquals(
        List.of(new RejectedImage("s.tar", "at byte 1024: not a tar header")), found.rejected());

    String text = Sets.write(dir, "t.tar", "no tar at all".repeat(1000).getBytes(UTF_8));
    assertEquals(1, Sets.scan(ImageSource.parse(text, "webdataset")).rejected().size());
    InvalidInputException error =
        assertThrows(
            InvalidInputException.class,
            () -> ImageDataset.open(ImageSource.parse(text, "webdataset")));
    assertTrue(error.found().startsWith("no image in " + text + ": t.tar at byte 0"));
  }

  /** A header that claims gigabytes is no reason to take them. */
  @Test
  void claimedLengthsAllocateNoMemory() throws IOException {
    byte[] tar = Sets.tar(out -> out.add("l".repeat(300) + ".jpg", "a"));
    tar[124] = (byte) 0x80; // the long name's length, in binary: 2^40
    Arrays.fill(tar, 125, 136, (byte) 0);
    tar[130] = 1;
    Arrays.fill(tar, 148, 156, (byte) ' ');
    int sum = 0;
    for (int i = 0; i < 512; i++) {
      sum += tar[i] & 0xff;
    }
    byte[] checksum = "%06o\0 ".formatted(sum).getBytes(UTF_8);
    System.arraycopy(checksum, 0, tar, 148, 8);
    Path file = dir.resolve("s.tar");
    Files.write(file, tar);
    try (java.io.RandomAccessFile sparse = new java.io.RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(1L << 34);
    }
    Sets.Scanned found = Sets.scan(ImageSource.parse(file.toString(), "webdataset"));
    assertEquals(List.of(), found.images());
    assertTrue(found.rejected().get(0).reason().contains("more than a megabyte"));
  }

  @Test
  void fileSystemFailuresAreNotReportedAsBrokenArchives() throws IOException {
    ImageSource source = webDataset(tar -> tar.add("0.jpg", "a"));
    SourcePartition partition = source.reader().list().partitions().get(0);
    try (ByteRangeStream in = ByteRangeStream.open(partition)) {
      TarMembers members = new TarMembers(in);
      in.close(); // as a connection that is lost
      assertThrows(IOException.class, members::next);
      assertThrows(UncheckedIOException.class, in::read);
    }
  }

  @Test
  void trainingArchiveIsReadClassByClass() throws IOException {
    List<ImageRecord> images = Sets.photographs();
    String path = Sets.imageNetTrain(dir, images);
    ImageSource source = ImageSource.parse(path, "auto");
    List<SourcePartition> partitions = source.reader().list().partitions();
    assertEquals(3, partitions.size());
    for (int i = 0; i < 3; i++) {
      assertEquals(i, partitions.get(i).label());
      // Exactly the bytes of the tar of the class.
      assertEquals(Sets.classTar(Sets.WNIDS.get(i), images).length, partitions.get(i).bytes());
    }
    // The extracted tars of the classes are the same set.
    Path extracted = dir.resolve("extracted");
    for (String wnid : Sets.WNIDS) {
      Sets.write(extracted, wnid + ".tar", Sets.classTar(wnid, images));
    }
    Sets.assertRead(ImageSource.parse(extracted.toString(), "auto"), images, List.of());
  }

  @Test
  void truncatedTrainingArchiveKeepsTheClassesBefore() throws IOException {
    List<ImageRecord> images = Sets.photographs();
    byte[] whole = Files.readAllBytes(Path.of(Sets.imageNetTrain(dir, images)));
    String path = Sets.write(dir, "cut.tar", Arrays.copyOf(whole, whole.length * 5 / 6));
    Sets.Scanned found = Sets.scan(ImageSource.parse(path, "imagenet"));
    // The second class was written last, so it is the one that is truncated.
    List<String> complete = List.of(Sets.WNIDS.get(0), Sets.WNIDS.get(2));
    assertEquals(
        images.stream()
            .map(ImageRecord::key)
            .filter(k -> complete.contains(k.substring(0, 9)))
            .toList(),
        found.images().stream().map(ImageRecord::key).toList());
    assertEquals(1, found.rejected().size());
    assertTrue(found.rejected().get(0).reason().endsWith("truncated in n01443537.tar"));
  }

  @Test
  void brokenClassTarIsNamed() throws IOException {
    List<ImageRecord> images = Sets.photographs();
    byte[] tar = Sets.classTar(Sets.WNIDS.get(0), images);
    byte[] outer =
        Sets.tar(out -> out.add(Sets.WNIDS.get(0) + ".tar", Arrays.copyOf(tar, tar.length / 2)));
    String path = Sets.write(dir, "ILSVRC2012_img_train.tar", outer);
    Sets.Scanned found = Sets.scan(ImageSource.parse(path, "auto"));
    assertFalse(found.images().isEmpty());
    assertEquals("ILSVRC2012_img_train.tar/n01440764.tar", found.rejected().get(0).key());
    assertTrue(found.rejected().get(0).reason().contains("truncated in n01440764_"));
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void validationArchiveHasTheDevkitsLabels(boolean packed) throws IOException {
    List<ImageRecord> images = Sets.photographs();
    String path = Sets.imageNetValidation(dir, images);
    Sets.devkit(dir, images, packed);
    ImageSource source = ImageSource.parse(path, "auto");
    assertEquals(Sets.WNIDS, source.summary().classes());
    assertNull(source.summary().unlabelled());
    Sets.assertRead(source, validation(images, true), List.of());
    // The folder is enough, because it holds only this archive.
    assertEquals(12, ImageDataset.open(ImageSource.parse(dir.toString(), "auto")).size());
  }

  private static List<ImageRecord> validation(List<ImageRecord> images, boolean labelled) {
    return images.stream()
        .map(
            image ->
                new ImageRecord(
                    "ILSVRC2012_val_%08d.JPEG".formatted(images.indexOf(image) + 1),
                    labelled ? image.label() : null,
                    image.bytes()))
        .toList();
  }

  @Test
  void validationArchiveWithoutDevkitHasNoLabels() throws IOException {
    List<ImageRecord> images = Sets.photographs();
    ImageSource source = ImageSource.parse(Sets.imageNetValidation(dir, images), "auto");
    assertTrue(source.summary().unlabelled().contains("no ILSVRC2012_devkit_t12.tar.gz beside"));
    Sets.assertRead(source, validation(images, false), List.of());
  }

  @Test
  void invalidDevkitIsRefused() throws IOException {
    List<ImageRecord> images = Sets.photographs();
    ImageSource source = ImageSource.parse(Sets.imageNetValidation(dir, images), "auto");
    Sets.write(dir, "ILSVRC2012_devkit_t12.tar.gz", new byte[100]);
    assertThrows(InvalidInputException.class, source::summary);
    // Of fewer images than the archive has.
    Sets.devkit(dir, images.subList(0, 3), true);
    assertThrows(InvalidInputException.class, () -> Sets.scan(source));
  }

  @Test
  void severalArchivesInAFolderAreRefused() throws IOException {
    Sets.imageNetTrain(dir, Sets.photographs());
    Sets.imageNetValidation(dir, Sets.photographs());
    ImageSource source = ImageSource.parse(dir.toString(), "auto");
    InvalidInputException error = assertThrows(InvalidInputException.class, source::summary);
    assertTrue(error.found().startsWith("several archives in " + dir));
  }
}
