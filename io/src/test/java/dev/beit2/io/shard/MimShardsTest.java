package dev.beit2.io.shard;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

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
  void windowsDifferBetweenEpochs() {
    Set<MimExample> first = new HashSet<>(read(open().epoch(5, 0), 0).subList(0, 12));
    Set<MimExample> second = new HashSet<>(read(open().epoch(5, 1), 0).subList(0, 12));
    assertNotEquals(first, second);
  }

  @Test
  void startInTheMiddleGivesTheSameRest() {
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
    assertNamed("shard-00002-of-00004.parquet missing", () -> read(copy));
    withoutRowGroups(copy);
    assertNamed("shard-00002-of-00004.parquet missing", () -> MimShards.open(copy.toString()));
  }

  private static void read(Path shards) {
    read(MimShards.open(shards.toString()).epoch(5, 0), 0);
  }

  /** Makes the manifest one of schema version 1. */
  private static void withoutRowGroups(Path copy) throws IOException {
    List<ShardManifest.Shard> shards =
        ShardManifest.read(copy.toString()).shards().stream()
            .map(s -> new ShardManifest.Shard(s.file(), s.rows(), s.bytes(), s.crc32c()))
            .toList();
    Files.writeString(
        copy.resolve("manifest.json"), ShardManifest.of(Examples.METADATA, shards).toJson());
  }

  /** Sets from before row groups were listed. */
  @Test
  void aSetOfTheVersionBeforeGivesTheSameOrder(@TempDir Path copy) throws IOException {
    copyTo(copy);
    withoutRowGroups(copy);
    MimShards before = MimShards.open(copy.toString());
    assertEquals(1, before.manifest().schemaVersion());
    assertEquals(2, manifest.schemaVersion());
    assertEquals(read(open().epoch(5, 2), 0), read(before.withWindow(2).epoch(5, 2), 0));
  }

  /** The same shards under another seed: each row group is where the manifest says. */
  @Test
  void shardsThatWereExchangedAreNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path first = copy.resolve("shard-00000-of-00004.parquet");
    Files.copy(
        copy.resolve("shard-00001-of-00004.parquet"), first, StandardCopyOption.REPLACE_EXISTING);
    assertNamed("shard-00000-of-00004.parquet with ", () -> read(copy));
  }

  @Test
  void openingReadsNoShard(@TempDir Path copy) throws IOException {
    copyTo(copy);
    for (ShardManifest.Shard shard : manifest.shards()) {
      Files.delete(copy.resolve(shard.file()));
    }
    assertEquals(COUNT, MimShards.open(copy.toString()).examples());
  }

  @Test
  void shardOfAnotherLengthIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("shard-00001-of-00004.parquet");
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length - 100));
    assertNamed(
        String.format(
            "shard-00001-of-00004.parquet with bytes %d, not %d", bytes.length - 100, bytes.length),
        () -> read(copy));
    Files.write(file, Arrays.copyOf(bytes, bytes.length + 100));
    assertNamed(
        String.format(
            "shard-00001-of-00004.parquet with bytes %d, not %d", bytes.length + 100, bytes.length),
        () -> read(copy));
  }

  @Test
  void shardThatIsNotParquetIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("shard-00001-of-00004.parquet");
    Files.write(file, new byte[(int) Files.size(file)]);
    assertNamed("shard-00001-of-00004.parquet unreadable", () -> read(copy));
  }

  @Test
  void shardOfAnotherTokenizerIsNamed(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("manifest.json");
    Files.writeString(file, Files.readString(file).replace("\"digest\"", "\"other\""));
    assertNamed(".parquet with tokenizerDigest digest, not other", () -> read(copy));
    withoutRowGroups(copy);
    Files.writeString(file, Files.readString(file).replace("\"digest\"", "\"other\""));
    assertNamed(
        "shard-00000-of-00004.parquet with tokenizerDigest digest, not other",
        () -> MimShards.open(copy.toString()));
  }

  /** One changed byte of an image shows by the page's checksum. */
  @Test
  void corruptShardIsNamedWhenItIsRead(@TempDir Path copy) throws IOException {
    copyTo(copy);
    flipMiddle(copy.resolve("shard-00003-of-00004.parquet"));
    MimShards shards = MimShards.open(copy.toString());
    assertNamed("shard-00003-of-00004.parquet unreadable", () -> read(shards.epoch(5, 0), 0));
  }

  /** A read that failed leaves nothing that a second try would take for something else. */
  @Test
  void afterAFailureTheSameRowsAreRead(@TempDir Path copy) throws IOException {
    copyTo(copy);
    Path file = copy.resolve("shard-00001-of-00004.parquet");
    byte[] sound = Files.readAllBytes(file);
    Files.write(file, new byte[sound.length]);
    MimShards.Epoch epoch = MimShards.open(copy.toString()).withWindow(2).epoch(5, 0);
    List<MimExample> expected = read(open().epoch(5, 0), 0);
    for (int position = 0; position < COUNT; position++) {
      MimExample found;
      try {
        found = epoch.get(position);
      } catch (InvalidInputException e) {
        Files.write(file, sound);
        found = epoch.get(position);
        Files.write(file, new byte[sound.length]);
      }
      assertEquals(expected.get(position), found);
    }
  }

  /** A row group is lost as a whole; all other examples keep their positions. */
  @Test
  void aSkippedRowGroupMovesNoOtherExample(@TempDir Path copy) throws IOException {
    copyTo(copy);
    flipMiddle(copy.resolve("shard-00003-of-00004.parquet"));
    MimShards shards = MimShards.openSkippingCorrupt(copy.toString()).withWindow(2);
    assertEquals(List.of(), shards.corrupt());
    Set<Set<MimExample>> lostOfEpochs = new HashSet<>();
    for (int epoch = 0; epoch < 3; epoch++) {
      lostOfEpochs.add(lost(read(open().epoch(5, epoch), 0), shards.epoch(5, epoch)));
    }
    assertEquals(1, lostOfEpochs.size());
    int lost = lostOfEpochs.iterator().next().size();
    assertTrue(lost > 0 && lost < manifest.shards().get(3).rows(), () -> lost + " rows");
    assertCorrupt(shards, "shard-00003-of-00004.parquet", "unreadable (");
    MimShards.Epoch epoch = shards.epoch(5, 0);
    assertThrows(InvalidInputException.class, () -> read(epoch, 0));
  }

  /** The examples that an epoch lacks; the others must keep their positions. */
  private static Set<MimExample> lost(List<MimExample> sound, MimShards.Epoch epoch) {
    Set<MimExample> lost = new HashSet<>();
    for (int position = 0; position < sound.size(); position++) {
      Optional<MimExample> found = epoch.find(position);
      if (found.isPresent()) {
        assertEquals(sound.get(position), found.get());
      } else {
        lost.add(sound.get(position));
      }
    }
    return lost;
  }

  @ParameterizedTest
  @MethodSource("lostShards")
  void aShardThatCannotBeOpenedMovesNoOtherExample(String reason, Damage damage, @TempDir Path copy)
      throws IOException {
    copyTo(copy);
    withoutRowGroups(copy);
    damage.doTo(copy.resolve("shard-00002-of-00004.parquet"));
    MimShards shards = MimShards.openSkippingCorrupt(copy.toString()).withWindow(2);
    assertCorrupt(shards, "shard-00002-of-00004.parquet", reason);
    assertEquals(COUNT, shards.examples());
    List<Optional<MimExample>> rows = find(shards.epoch(5, 1));
    List<MimExample> there = rows.stream().flatMap(Optional::stream).toList();
    assertEquals(COUNT - manifest.shards().get(2).rows(), there.size());
    assertEquals(there.size(), Set.copyOf(there).size());
    // The order is a function of what is there, however often it is opened.
    MimShards again = MimShards.openSkippingCorrupt(copy.toString()).withWindow(2);
    assertEquals(rows, find(again.epoch(5, 1)));
    assertNotEquals(rows, find(again.epoch(5, 2)));
  }

  /** Where the manifest lists the row groups, the order is that of the intact set. */
  @ParameterizedTest
  @MethodSource("lostShards")
  void aShardThatCannotBeReadMovesNoOtherExample(String reason, Damage damage, @TempDir Path copy)
      throws IOException {
    copyTo(copy);
    damage.doTo(copy.resolve("shard-00002-of-00004.parquet"));
    MimShards shards = MimShards.openSkippingCorrupt(copy.toString()).withWindow(2);
    assertEquals(List.of(), shards.corrupt(), "not opened so far");
    Set<MimExample> lost = lost(read(open().epoch(5, 1), 0), shards.epoch(5, 1));
    assertEquals(manifest.shards().get(2).rows(), lost.size());
    assertCorrupt(shards, "shard-00002-of-00004.parquet", reason);
  }

  static Stream<Arguments> lostShards() {
    return Stream.of(
        arguments("missing", (Damage) Files::delete),
        arguments("with bytes ", (Damage) file -> Files.write(file, new byte[9])),
        arguments(
            "unreadable (", (Damage) file -> Files.write(file, new byte[(int) Files.size(file)])),
        arguments("with tokenizerDigest others, not digest", (Damage) MimShardsTest::changeDigest));
  }

  private interface Damage {
    void doTo(Path file) throws IOException;
  }

  /** Changes the tokenizer's digest in a footer, which has no checksum. */
  private static void changeDigest(Path file) throws IOException {
    String bytes = Files.readString(file, ISO_8859_1);
    int name = bytes.lastIndexOf("digest");
    assertTrue(bytes.substring(0, name).contains("tokenizerDigest"));
    Files.writeString(
        file, bytes.substring(0, name) + "others" + bytes.substring(name + 6), ISO_8859_1);
  }

  @Test
  void aLostShardOfOneRowGroupMovesNoOtherExample(@TempDir Path whole) throws IOException {
    ShardManifest small = Examples.write(whole, Examples.examples(COUNT), 8_000);
    MimShards sound = MimShards.open(whole.toString()).withWindow(3);
    List<MimExample> examples = read(sound.epoch(5, 1), 0);
    Files.delete(whole.resolve(small.shards().get(4).file()));
    MimShards shards = MimShards.openSkippingCorrupt(whole.toString()).withWindow(3);
    assertEquals(small.shards().get(4).rows(), lost(examples, shards.epoch(5, 1)).size());
  }

  /** Otherwise each position at the end of a window would read the next window again. */
  @Test
  void lostPositionsAreRememberedAfterTheirWindow(@TempDir Path copy) throws IOException {
    copyTo(copy);
    flipMiddle(copy.resolve("shard-00003-of-00004.parquet"));
    MimShards shards = MimShards.openSkippingCorrupt(copy.toString()).withWindow(2);
    MimShards.Epoch epoch = shards.epoch(5, 0);
    List<Optional<MimExample>> rows = find(epoch);
    for (ShardManifest.Shard shard : manifest.shards()) {
      Files.delete(copy.resolve(shard.file()));
    }
    for (int position = 0; position < COUNT; position++) {
      if (rows.get(position).isEmpty()) {
        assertEquals(Optional.empty(), epoch.find(position));
      }
    }
    assertCorrupt(shards, "shard-00003-of-00004.parquet", "unreadable (");
  }

  @Test
  void atLeastOneShardIsRequired(@TempDir Path copy) throws IOException {
    copyTo(copy);
    withoutRowGroups(copy);
    for (ShardManifest.Shard shard : manifest.shards()) {
      Files.delete(copy.resolve(shard.file()));
    }
    assertNamed(
        "shard-00003-of-00004.parquet missing",
        () -> MimShards.openSkippingCorrupt(copy.toString()));
  }

  private static List<Optional<MimExample>> find(MimShards.Epoch epoch) {
    return LongStream.range(0, COUNT).mapToObj(epoch::find).toList();
  }

  private static void assertCorrupt(MimShards shards, String file, String reason) {
    assertEquals(List.of(file), shards.corrupt().stream().map(RejectedImage::key).toList());
    String found = shards.corrupt().get(0).reason();
    assertTrue(found.startsWith(reason), found);
  }

  private static void flipMiddle(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
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
