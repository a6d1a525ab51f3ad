package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.parquet.FileParts;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.Encoding;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.metadata.ParquetMetadata;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MimShardIOTest {
  private static final int COUNT = 60;
  private static final String SHARD = "shard-00000-of-00001.parquet";

  @TempDir Path folder;

  @Test
  void keyDeterminesShardAndPositionOfAnExample() {
    ShardManifest manifest = Examples.write(folder, Examples.examples(COUNT), 30_000);
    // 60 × (1,500 + 2 · 14) bytes in shards of 30,000.
    assertEquals(4, manifest.shards().size());
    assertEquals(Examples.METADATA, manifest.metadata());
    Set<MimExample> found = new HashSet<>();
    for (int i = 0; i < 4; i++) {
      Shard shard = manifest.shards().get(i);
      assertEquals(String.format("shard-%05d-of-00004.parquet", i), shard.file());
      List<MimExample> rows = read(shard);
      assertEquals(shard.rows(), rows.size());
      List<Long> hashes =
          rows.stream().map(row -> SeededRandom.hash(Examples.METADATA.seed(), row.key())).toList();
      assertEquals(hashes.stream().sorted().toList(), hashes);
      for (long hash : hashes) {
        assertEquals(i, Long.remainderUnsigned(hash, 4));
      }
      found.addAll(rows);
    }
    assertEquals(Set.copyOf(Examples.examples(COUNT)), found);
  }

  @Test
  void filesDoNotDependOnTheOrderOfArrivalAndReplaceOlderOnes() throws IOException {
    Path other = folder.resolve("other");
    List<MimExample> examples = new ArrayList<>(Examples.examples(COUNT));
    ShardManifest manifest = Examples.write(folder.resolve("one"), examples, 30_000);
    Collections.shuffle(examples, new Random(1));
    Examples.write(other, Examples.examples(COUNT).subList(0, 40), 15_000);
    assertEquals(manifest, Examples.write(other, examples, 30_000));
    for (Shard shard : manifest.shards()) {
      byte[] bytes = Files.readAllBytes(folder.resolve("one").resolve(shard.file()));
      assertArrayEquals(bytes, Files.readAllBytes(other.resolve(shard.file())));
      assertEquals(shard.bytes(), bytes.length);
    }
  }

  @Test
  void outputIsTheManifestOfTheFile() {
    String directory = folder.toString();
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollection<ShardManifest> manifest =
        pipeline
            .apply("Examples", Create.of(Examples.examples(10)))
            .apply("Write", MimShardIO.write(directory, Examples.METADATA));
    PAssert.thatSingleton(manifest)
        .satisfies(
            written -> {
              assertEquals(ShardManifest.read(directory), written);
              assertEquals(10, written.rows());
              assertEquals(1, written.shards().size(), "shards of 256 MB");
              return null;
            });
    pipeline.run().waitUntilFinish();
  }

  @Test
  void noTemporaryFileRemainsAndLeftoversOfOtherRunsAreDeleted() throws IOException {
    for (String left :
        List.of(
            ".shard-00000-of-00001.parquet.1-2.tmp",
            ".manifest.json.1-2.tmp",
            "shard-00000-of-00002.parquet",
            ".mine.tmp",
            "notes.txt")) {
      Files.writeString(folder.resolve(left), "x");
    }
    Examples.write(folder, Examples.examples(10), 1 << 20);
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(
          List.of(".mine.tmp", "manifest.json", "notes.txt", "shard-00000-of-00001.parquet"),
          files.map(file -> file.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void writesTheRequestedNumberOfShards() {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline
        .apply("Examples", Create.of(Examples.examples(COUNT)))
        .apply(
            "Write",
            MimShardIO.write(folder.toString(), Examples.METADATA)
                .withShardBytes(1)
                .withShardCount(3));
    pipeline.run().waitUntilFinish();
    ShardManifest manifest = ShardManifest.read(folder.toString());
    assertEquals(
        List.of(
            "shard-00000-of-00003.parquet",
            "shard-00001-of-00003.parquet",
            "shard-00002-of-00003.parquet"),
        manifest.shards().stream().map(Shard::file).toList());
    assertEquals(COUNT, manifest.rows());
  }

  /**
   * Images that come class by class lie as if shuffled: neighbours are of one class as often as by
   * chance, each shard has the same fraction of each class, and first images are not first.
   */
  @Test
  void sortedInputIsShuffled() {
    int count = 1000;
    int classes = 10;
    List<MimExample> sorted = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int label = i * classes / count;
      String key = String.format("class%02d/%05d.jpg", label, i);
      sorted.add(new MimExample(key, label, 500, 375, new byte[20], Examples.example(0).views()));
    }
    ShardManifest manifest = Examples.write(folder, sorted, 12_000);
    assertEquals(4, manifest.shards().size());
    int[][] ofClass = new int[4][classes];
    List<MimExample> rows = new ArrayList<>();
    for (int shard = 0; shard < 4; shard++) {
      for (MimExample row : read(manifest.shards().get(shard))) {
        rows.add(row);
        ofClass[shard][row.label()]++;
      }
    }
    assertEquals(count, rows.size());
    int sameClass = 0;
    double correlation = 0;
    for (int i = 0; i < count; i++) {
      sameClass += i > 0 && rows.get(i).label().equals(rows.get(i - 1).label()) ? 1 : 0;
      int arrived = Integer.parseInt(rows.get(i).key().substring(8, 13));
      correlation += (arrived / (count - 1.0) - 0.5) * (i / (count - 1.0) - 0.5) * 12 / count;
    }
    // Five standard deviations of what chance gives.
    double fraction = 1.0 / classes;
    assertEquals(
        fraction, sameClass / (count - 1.0), 5 * Math.sqrt(fraction * (1 - fraction) / count));
    assertEquals(0, correlation, 5 / Math.sqrt(count));
    double chiSquare = 0;
    double expected = count / 4.0 / classes;
    for (int[] shard : ofClass) {
      for (int n : shard) {
        chiSquare += (n - expected) * (n - expected) / expected;
      }
    }
    int freedom = 4 * classes - 1; // the shards' sizes are left to chance as well
    assertTrue(
        Math.abs(chiSquare - freedom) < 5 * Math.sqrt(2 * freedom), "chi square " + chiSquare);
  }

  @Test
  void noExamplesMakeAManifestWithoutShards() {
    Examples.write(folder, Examples.examples(10), 1 << 20); // whose manifest must not stay
    ShardManifest manifest = Examples.write(folder, List.of(), 1 << 20);
    assertEquals(List.of(), manifest.shards());
    assertEquals(0, MimShards.open(folder.toString()).examples());
  }

  @Test
  void duplicateKeysFailNamingTheKeyAndLeaveNoManifest() {
    Examples.write(folder, Examples.examples(10), 1 << 20);
    List<MimExample> examples = new ArrayList<>(Examples.examples(10));
    examples.add(Examples.example(4));
    Throwable error =
        assertThrows(RuntimeException.class, () -> Examples.write(folder, examples, 1 << 20));
    while (error != null && !(error instanceof InvalidInputException)) {
      error = error.getCause();
    }
    assertTrue(error != null && error.getMessage().contains("class4/4.jpg"));
    assertFalse(Files.exists(folder.resolve("manifest.json")), "the old one must be deleted");
  }

  @Test
  void columnsMatchTheSchema() throws IOException {
    Examples.write(folder, Examples.examples(COUNT), 1 << 20);
    ParquetMetadata footer = footer(SHARD);
    assertTrue(footer.getBlocks().size() > 5, "row groups of 16,000 bytes");
    List<String> columns = new ArrayList<>();
    for (ColumnChunkMetaData column : footer.getBlocks().get(0).getColumns()) {
      String name = column.getPath().toDotString();
      columns.add(name);
      boolean jpeg = name.equals("jpeg");
      assertEquals(
          jpeg ? CompressionCodecName.UNCOMPRESSED : CompressionCodecName.ZSTD, column.getCodec());
      if (jpeg || name.endsWith("codes")) {
        assertFalse(column.getEncodings().stream().anyMatch(Encoding::usesDictionary), name);
        assertFalse(column.getStatistics().hasNonNullValue(), name + " has a minimum");
        assertNull(column.getColumnIndexReference(), name);
      }
    }
    String view = "views.list.element.";
    assertEquals(
        List.of(
            "key",
            "label",
            "width",
            "height",
            "jpeg",
            view + "left",
            view + "top",
            view + "width",
            view + "height",
            view + "flip",
            view + "brightness",
            view + "contrast",
            view + "saturation",
            view + "jitter_order",
            view + "codes"),
        columns);
    assertTrue(
        footer
            .getFileMetaData()
            .getKeyValueMetaData()
            .entrySet()
            .containsAll(ShardFile.footerMetadata(Examples.METADATA).entrySet()));
  }

  @Test
  void theManifestWaitsForOthers() {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    Path file = folder.resolve(ShardManifest.FILE);
    PCollection<Boolean> others =
        pipeline.apply("Path", Create.of(file.toString())).apply(ParDo.of(new WaitForFile()));
    pipeline
        .apply("Examples", Create.of(Examples.examples(3)))
        .apply(
            "Write",
            MimShardIO.write(folder.toString(), Examples.METADATA).withManifestAfter(others));
    PAssert.thatSingleton(others).isEqualTo(false);
    pipeline.run().waitUntilFinish();
    assertTrue(Files.exists(file));
  }

  /** Whether the manifest is there soon after the shard. */
  private static final class WaitForFile extends DoFn<String, Boolean> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(@Element String file, OutputReceiver<Boolean> there)
        throws InterruptedException {
      Path manifest = Path.of(file);
      for (int i = 0; i < 600 && !Files.exists(manifest.resolveSibling(SHARD)); i++) {
        Thread.sleep(50);
      }
      for (int i = 0; i < 20 && !Files.exists(manifest); i++) {
        Thread.sleep(50);
      }
      there.output(Files.exists(manifest));
    }
  }

  @Test
  void sizesAreInMegabytes() {
    int fit = 0; // examples that fit into 2^20 bytes of images and 2 · 14 bytes of codes each
    for (long bytes = 0; bytes <= 1 << 20; fit++) {
      bytes += Examples.example(fit).jpeg().length + 2 * 14;
    }
    fit--;
    assertEquals(1, shards(fit, 1));
    assertEquals(2, shards(fit + 1, 1));
    assertEquals(1, shards(fit + 1, 2));
  }

  private int shards(int examples, int megabytes) {
    String directory = folder.resolve(examples + "-" + megabytes).toString();
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline
        .apply("Examples", Create.of(Examples.examples(examples)))
        .apply(
            "Write", MimShardIO.write(directory, Examples.METADATA).withShardMegabytes(megabytes));
    pipeline.run().waitUntilFinish();
    return ShardManifest.read(directory).shards().size();
  }

  @Test
  void sizesArePositive() {
    MimShardIO.Write write = MimShardIO.write("x", Examples.METADATA);
    assertThrows(IllegalArgumentException.class, () -> write.withShardMegabytes(0));
    assertThrows(IllegalArgumentException.class, () -> write.withRowGroupBytes(-1));
  }

  private List<MimExample> read(Shard shard) {
    List<MimExample> examples = new ArrayList<>();
    ShardFile.Opened file =
        new ShardFile(new ShardFolder(folder.toString()), shard).open(Examples.METADATA);
    shard.rowGroups().forEach(group -> examples.addAll(file.fetch(group).read()));
    return examples;
  }

  private ParquetMetadata footer(String file) throws IOException {
    try (ParquetFileReader reader =
        ParquetFileReader.open(
            FileParts.end(
                new StoredFile(folder.resolve(file).toString()), Files.size(folder.resolve(file))),
            ParquetReadOptions.builder(new PlainParquetConfiguration()).build())) {
      return reader.getFooter();
    }
  }
}
