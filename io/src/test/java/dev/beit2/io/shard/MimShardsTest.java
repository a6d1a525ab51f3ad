package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MimShardsTest {
  private static final int COUNT = 60;

  @TempDir static Path folder;

  private static ShardManifest manifest;

  @BeforeAll
  static void writeShards() {
    manifest = Examples.write(folder, Examples.examples(COUNT), 30_000);
  }

  @Test
  void everyEpochIsAPermutationWhateverTheWindow() {
    Set<MimExample> all = Set.copyOf(Examples.examples(COUNT));
    MimShards shards = MimShards.open(folder.toString());
    assertEquals(COUNT, shards.examples());
    assertEquals(manifest, shards.manifest());
    for (int window : new int[] {1, 2, 3, 1000}) {
      for (long epoch = 0; epoch < 3; epoch++) {
        List<MimExample> examples = read(shards.withWindow(window).epoch(5, epoch), 0);
        assertEquals(COUNT, examples.size());
        assertEquals(all, new HashSet<>(examples));
      }
    }
    assertEquals(all, new HashSet<>(read(shards.epoch(5, 0), 0)));
  }

  @Test
  void orderIsAFunctionOfSeedAndEpoch() {
    List<MimExample> examples = read(open().epoch(5, 3), 0);
    assertEquals(examples, read(open().epoch(5, 3), 0));
    assertNotEquals(examples, read(open().epoch(5, 4), 0));
    assertNotEquals(examples, read(open().epoch(6, 3), 0));
  }

  /** Which row groups share a window changes too, not only the order within. */
  @Test
  void windowsAreMadeAnewForEachEpoch() {
    Set<MimExample> first = new HashSet<>(read(open().epoch(5, 0), 0).subList(0, 12));
    Set<MimExample> second = new HashSet<>(read(open().epoch(5, 1), 0).subList(0, 12));
    assertNotEquals(first, second);
  }

  @Test
  void startInTheMiddleGivesTheSameTail() {
    List<MimExample> examples = read(open().epoch(5, 0), 0);
    for (int start = 0; start <= COUNT; start += 7) {
      assertEquals(examples.subList(start, COUNT), read(open().epoch(5, 0), start));
    }
  }

  @Test
  void positionsOutsideTheEpochAreRefused() {
    MimShards.Epoch epoch = open().epoch(5, 0);
    assertThrows(IndexOutOfBoundsException.class, () -> epoch.get(-1));
    assertThrows(IndexOutOfBoundsException.class, () -> epoch.get(COUNT));
  }

  @Test
  void missingShardIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Files.delete(copy.resolve("shard-00002-of-00004.parquet"));
    assertNamed("shard-00002-of-00004.parquet missing", () -> MimShards.open(copy.toString()));
  }

  @Test
  void shorterShardIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("shard-00001-of-00004.parquet");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 100));
    assertNamed(
        String.format(
            "shard-00001-of-00004.parquet with bytes %d, not %d", bytes.length - 100, bytes.length),
        () -> MimShards.open(copy.toString()));
  }

  @Test
  void shardThatIsNoParquetIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("shard-00001-of-00004.parquet");
    Files.write(file, new byte[(int) Files.size(file)]);
    assertNamed("shard-00001-of-00004.parquet unreadable", () -> MimShards.open(copy.toString()));
  }

  @Test
  void shardOfAnotherTokenizerIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("manifest.json");
    Files.writeString(file, Files.readString(file).replace("\"digest\"", "\"other\""));
    assertNamed(
        "shard-00000-of-00004.parquet with tokenizerDigest digest, not other",
        () -> MimShards.open(copy.toString()));
  }

  /** One changed byte of an image shows by the page's checksum. */
  @Test
  void corruptShardIsNamedWhenItIsRead(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("shard-00003-of-00004.parquet");
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    MimShards shards = MimShards.open(copy.toString());
    assertNamed("shard-00003-of-00004.parquet unreadable", () -> read(shards.epoch(5, 0), 0));
  }

  private static MimShards open() {
    return MimShards.open(folder.toString()).withWindow(2);
  }

  private static List<MimExample> read(MimShards.Epoch epoch, long start) {
    return LongStream.range(start, COUNT).mapToObj(epoch::get).toList();
  }

  private static void assertNamed(String found, Runnable action) {
    InvalidInputException error = assertThrows(InvalidInputException.class, action::run);
    assertTrue(error.found().contains(found), error::getMessage);
  }

  private static void copyTo(Path copy) throws IOException {
    List<String> files = new ArrayList<>(List.of("manifest.json"));
    manifest.shards().forEach(shard -> files.add(shard.file()));
    for (String file : files) {
      Files.copy(folder.resolve(file), copy.resolve(file));
    }
  }
}
