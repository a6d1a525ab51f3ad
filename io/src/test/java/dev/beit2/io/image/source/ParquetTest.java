package dev.beit2.io.image.source;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.parquet.example.data.Group;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ParquetTest {
  @TempDir Path dir;

  private ImageSource write(int rowsOfAGroup, Group... rows) throws IOException {
    Path file = dir.resolve("a.parquet");
    Files.deleteIfExists(file);
    Sets.writeParquet(file, List.of(rows), rowsOfAGroup);
    return ImageSource.parse(file.toString(), "auto");
  }

  private static byte[] bytes(int i) {
    return ("image" + i).getBytes(UTF_8);
  }

  private Group[] rows(int count) {
    Group[] rows = new Group[count];
    for (int i = 0; i < count; i++) {
      rows[i] = Sets.row("x/%03d.jpg".formatted(i), bytes(i), i % 3);
    }
    return rows;
  }

  @Test
  void pathsAndLabelsMayBeMissing() throws IOException {
    Sets.assertRead(
        write(
            2,
            Sets.row(null, bytes(0), 1),
            Sets.row("b.jpg", bytes(1), null),
            Sets.row(null, bytes(2), -1)),
        List.of(
            new ImageRecord("a/000000", 1, bytes(0)),
            new ImageRecord("a/b.jpg", null, bytes(1)),
            // Its number in the file, not in its row group.
            new ImageRecord("a/000002", null, bytes(2))),
        List.of());
  }

  @Test
  void rowsWithoutImageAreRejected() throws IOException {
    Group empty = new org.apache.parquet.example.data.simple.SimpleGroup(Sets.HUGGING_FACE);
    ImageSource source =
        write(3, Sets.row("x/0.jpg", bytes(0), 0), Sets.row("x/1.jpg", null, 0), empty);
    List<RejectedImage> rejected =
        List.of(
            new RejectedImage("a/000002", "no image in Parquet"),
            new RejectedImage("x/1.jpg", "a path without bytes in Parquet"));
    Sets.assertPipelineReads(source, List.of(new ImageRecord("x/0.jpg", 0, bytes(0))), rejected);
    ImageDataset dataset = ImageDataset.open(source);
    assertEquals(3, Sets.inOrder(dataset, 0, 0).size());
    assertEquals(rejected, dataset.rejected());
  }

  @Test
  void anEpochReadsRowGroupsInWindows() throws IOException {
    ImageSource source = write(5, rows(60)); // 12 row groups
    long group = new ParquetReader(source).contents().rowGroups().get(0).bytes();
    ParquetDataset images = ParquetDataset.of(source, 3 * group + group / 2);
    List<ImageRecord> epoch = Sets.inOrder(images, 4, 2);
    assertEquals(60, new HashSet<>(epoch).size());
    List<Integer> numbers =
        epoch.stream().map(image -> Integer.parseInt(image.key().substring(2, 5))).toList();
    for (int window = 0; window < 4; window++) {
      List<Integer> rows = numbers.subList(15 * window, 15 * window + 15);
      Set<Integer> groups = new HashSet<>();
      rows.forEach(row -> groups.add(row / 5));
      assertEquals(3, groups.size(), "row groups of window " + window);
      List<Integer> sorted = new ArrayList<>(rows);
      sorted.sort(null);
      assertFalse(rows.equals(sorted));
    }
    // A restart in the middle reads one window and gives the same.
    assertEquals(
        epoch.get(37), ParquetDataset.of(source, 3 * group + group / 2).epoch(4, 2).read(37));
  }

  @Test
  void damagedRowGroupIsRejectedAndTheOthersAreRead() throws IOException {
    ImageSource source = write(4, rows(12));
    List<SourcePartition> partitions = source.reader().list().partitions();
    assertEquals(3, partitions.size());
    Path file = Path.of(source.path());
    byte[] bytes = Files.readAllBytes(file);
    bytes[(int) partitions.get(1).start() + 40] ^= 1;
    Files.write(file, bytes);
    Sets.Scanned found = Sets.scan(source);
    assertEquals(8, found.images().size());
    assertEquals(1, found.rejected().size());
    assertEquals("a.parquet", found.rejected().get(0).key());
    assertTrue(
        found.rejected().get(0).reason().startsWith("at row 4: unreadable row group"),
        found.rejected().get(0).reason());
    ImageDataset dataset = ImageDataset.open(source);
    assertEquals(12, dataset.size());
    assertEquals(
        4, Sets.inOrder(dataset, 0, 0).stream().filter(i -> i.bytes().length == 0).count());
    assertEquals(found.rejected(), dataset.rejected());
  }

  @Test
  void fileWithoutFooterIsRejectedUnlessItIsTheOnlyOne() throws IOException {
    ImageSource source = write(4, rows(4));
    byte[] whole = Files.readAllBytes(Path.of(source.path()));
    Sets.write(dir, "b.parquet", java.util.Arrays.copyOf(whole, whole.length - 9));
    Sets.Scanned found = Sets.scan(ImageSource.parse(dir.toString(), "auto"));
    assertEquals(4, found.images().size());
    assertEquals("b.parquet", found.rejected().get(0).key());
    ImageSource cut = ImageSource.parse(dir + "/b.parquet", "auto");
    assertTrue(
        assertThrows(InvalidInputException.class, cut::summary)
            .found()
            .contains("b.parquet unreadable"));
  }

  /** Then the key has the row in it: a path alone would name several images. */
  @Test
  void keysAreUniqueWherePathsRepeat() throws IOException {
    Sets.assertRead(
        write(
            2,
            Sets.row("x/image.jpg", bytes(0), 0),
            Sets.row("x/other.jpg", bytes(1), 0),
            Sets.row("x/image.jpg", bytes(2), 0),
            Sets.row(null, bytes(3), 0)),
        List.of(
            new ImageRecord("a/000000/x/image.jpg", 0, bytes(0)),
            new ImageRecord("a/000001/x/other.jpg", 0, bytes(1)),
            new ImageRecord("a/000002/x/image.jpg", 0, bytes(2)),
            new ImageRecord("a/000003", 0, bytes(3))),
        List.of());
  }

  @Test
  void labelsThatDoNotFitAreTold() throws IOException {
    Group large = Sets.row("x/0.jpg", bytes(0), null);
    large.add("label", 1L << 40);
    ImageSource.Summary summary = write(2, large, Sets.row("x/1.jpg", bytes(1), 1)).summary();
    assertEquals(
        "labels up to 1099511627776 in a.parquet; those over 2147483647 count as none",
        summary.note());
    assertEquals(null, write(2, rows(2)).summary().note());
  }

  @Test
  void brokenClassNamesCostNoImages() throws IOException {
    Path file = Path.of(write(4, rows(4)).path());
    String content = new String(Files.readAllBytes(file), ISO_8859_1);
    // As long as before, so that all offsets stay.
    Files.write(
        file,
        content
            .replace("\"_type\":\"ClassLabel\"}", "\"_type\":\"ClassLabel\"]")
            .getBytes(ISO_8859_1));
    ImageSource source = ImageSource.parse(file.toString(), "auto");
    assertEquals("no class names, as those in a.parquet are no JSON", source.summary().note());
    assertEquals(4, Sets.scan(source).images().size());
    assertEquals(List.of(), Sets.scan(source).rejected());
  }

  /** Such a row group would not be read, as the range of its bytes does not contain it. */
  @Test
  void rowGroupsThatAreNotInTheFileAreRejected() throws IOException {
    Group[] rows = rows(12);
    byte[] noise = new byte[1 << 14]; // so that the last row group is longer than the footer
    new java.util.Random(1).nextBytes(noise);
    rows[11] = Sets.row("x/011.jpg", noise, 0);
    write(4, rows);
    byte[] whole = Files.readAllBytes(dir.resolve("a.parquet"));
    int footer =
        whole.length - 8 - ByteBuffer.wrap(whole).order(LITTLE_ENDIAN).getInt(whole.length - 8);
    // Without the last row group's bytes.
    long last =
        ImageSource.parse(dir + "/a.parquet", "auto").reader().list().partitions().get(2).start();
    byte[] cut = java.util.Arrays.copyOf(whole, (int) last + whole.length - footer);
    System.arraycopy(whole, footer, cut, (int) last, whole.length - footer);
    ImageSource source = ImageSource.parse(Sets.write(dir, "a.parquet", cut), "auto");
    Sets.Scanned found = Sets.scan(source);
    assertEquals(8, found.images().size());
    assertEquals(
        List.of(
            new RejectedImage(
                "a.parquet", "at row 8: a row group of 4 rows that is not in the file")),
        found.rejected());
  }

  @Test
  void labelsOfAnotherTypeAreNamed() throws IOException {
    var type =
        org.apache.parquet.schema.MessageTypeParser.parseMessageType(
            "message m { optional group image { optional binary bytes; } optional binary label (STRING); }");
    Path file = dir.resolve("t.parquet");
    try (var writer =
        org.apache.parquet.hadoop.example.ExampleParquetWriter.builder(
                new org.apache.parquet.io.LocalOutputFile(file))
            .withConf(new org.apache.parquet.conf.PlainParquetConfiguration())
            .withType(type)
            .build()) {
      Group row = new org.apache.parquet.example.data.simple.SimpleGroup(type);
      row.addGroup("image").add("bytes", "x");
      row.add("label", "cat");
      writer.write(row);
    }
    assertEquals(
        "images without labels, as the column label in %s holds no whole numbers: optional binary label (STRING)"
            .formatted(file),
        ImageSource.parse(file.toString(), "auto").summary().unlabelled());
  }

  @Test
  void otherColumnsAreRefusedByName() throws IOException {
    Path file = dir.resolve("a.parquet");
    var type =
        org.apache.parquet.schema.MessageTypeParser.parseMessageType(
            "message m { required binary jpg; required int32 cls; }");
    try (var writer =
        org.apache.parquet.hadoop.example.ExampleParquetWriter.builder(
                new org.apache.parquet.io.LocalOutputFile(file))
            .withConf(new org.apache.parquet.conf.PlainParquetConfiguration())
            .withType(type)
            .build()) {
      Group row = new org.apache.parquet.example.data.simple.SimpleGroup(type);
      row.add("jpg", "x");
      row.add("cls", 1);
      writer.write(row);
    }
    InvalidInputException error =
        assertThrows(
            InvalidInputException.class,
            () -> ImageSource.parse(file.toString(), "auto").summary());
    assertEquals(file + " with the columns jpg, cls", error.found());
  }
}
