package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardVerificationTest {
  private static final String FILE = "shard-00000-of-00001.parquet";

  @TempDir Path folder;

  @Test
  void writtenShardsAreSoundAndCounted() {
    List<MimExample> examples = Examples.examples(60);
    Examples.write(folder, examples, 30_000);
    ShardVerification verification = ShardVerification.verify(folder.toString());
    assertEquals(List.of(), verification.problems());
    assertTrue(verification.sound());
    assertEquals(60, verification.rows());
    assertEquals(60, verification.images());
    assertEquals(120, verification.views());
    long[] counts = new long[100];
    for (MimExample example : examples) {
      for (EncodedView view : example.views()) {
        for (int code : CodePacking.unpack(view.codes(), 16, 7)) {
          counts[code]++;
        }
      }
    }
    assertArrayEquals(counts, verification.codeCounts());
    assertEquals(
        Arrays.stream(counts).filter(n -> n > 0).count(), verification.codeUsage().inUse());
  }

  @Test
  void noManifestIsAnError() {
    assertThrows(InvalidInputException.class, () -> ShardVerification.verify(folder.toString()));
  }

  @Test
  void missingAndExtraFilesAreFound() throws IOException {
    Examples.write(folder, Examples.examples(60), 30_000);
    Files.move(
        folder.resolve("shard-00001-of-00004.parquet"),
        folder.resolve("shard-00009-of-00010.parquet"));
    ShardVerification verification = ShardVerification.verify(folder.toString());
    assertProblems(
        verification,
        "shard-00009-of-00010.parquet is not in the manifest",
        "shard-00001-of-00004.parquet missing");
    assertTrue(verification.rows() > 30, "the other shards are read all the same");
  }

  @Test
  void changedByteIsFound() throws IOException {
    Examples.write(folder, Examples.examples(20), 1 << 20);
    Path file = folder.resolve(FILE);
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 2] ^= 1;
    Files.write(file, bytes);
    ShardVerification verification = ShardVerification.verify(folder.toString());
    assertProblems(verification, FILE + " with crc32c", FILE + " unreadable");
  }

  /** Reading continues after a row group that is not sound. */
  @Test
  void changedByteCostsOneRowGroup() throws IOException {
    ShardManifest manifest = Examples.write(folder, Examples.examples(60), 1 << 20);
    Path file = folder.resolve(FILE);
    ShardManifest.RowGroup second = manifest.shards().get(0).rowGroups().get(1);
    byte[] bytes = Files.readAllBytes(file);
    bytes[(int) (second.start() + second.end()) / 2] ^= 1;
    Files.write(file, bytes);
    ShardVerification verification = verify();
    assertProblems(verification, FILE + " with crc32c", FILE + " unreadable");
    assertTrue(verification.problems().get(1).contains("CRC"), verification.problems().get(1));
    assertEquals(60 - second.rows(), verification.rows());
  }

  @Test
  void truncatedShardIsFound() throws IOException {
    Examples.write(folder, Examples.examples(20), 1 << 20);
    Path file = folder.resolve(FILE);
    byte[] bytes = Files.readAllBytes(file);
    Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    assertProblems(
        verify(), String.format("%s with bytes %d, not %d", FILE, bytes.length / 2, bytes.length));
  }

  @Test
  void duplicateImagesAreCountedButNoProblem() {
    List<MimExample> examples = new ArrayList<>(Examples.examples(30));
    for (int i = 0; i < 3; i++) {
      MimExample same = examples.get(i % 2);
      examples.add(
          new MimExample("copy" + i, null, same.width(), same.height(), same.jpeg(), same.views()));
    }
    Examples.write(folder, examples, 15_000);
    ShardVerification verification = verify();
    assertTrue(verification.sound());
    assertEquals(3, verification.duplicateImages());
  }

  @Test
  void progressIsReportedForEachShard() {
    ShardManifest manifest = Examples.write(folder, Examples.examples(60), 30_000);
    Set<Shard> told = ConcurrentHashMap.newKeySet();
    ShardVerification.verify(folder.toString(), told::add);
    assertEquals(Set.copyOf(manifest.shards()), told);
  }

  @Test
  void wrongNumbersInTheManifestAreFound() throws IOException {
    ShardManifest manifest = Examples.write(folder, Examples.examples(20), 1 << 20);
    Shard shard = manifest.shards().get(0);
    writeManifest(Examples.METADATA, new Shard(FILE, 21, shard.bytes(), shard.crc32c()));
    assertProblems(verify(), FILE + " with rows 20, not 21");
    writeManifest(Examples.METADATA, new Shard(FILE, 20, 1, shard.crc32c()));
    assertProblems(verify(), FILE + " with bytes " + shard.bytes() + ", not 1");
  }

  @Test
  void wrongRowsAreCountedAndTheFirstKeyIsNamed() throws IOException {
    MimExample good = Examples.example(0);
    MimExample last = new MimExample("last", null, 1, 1, good.jpeg(), good.views());
    MimExample noJpeg = new MimExample("no jpeg", null, 1, 1, new byte[0], good.views());
    EncodedView view = good.views().get(0);
    int[] large = new int[16];
    large[3] = 100;
    MimExample wrongCodes =
        new MimExample(
            "wrong codes",
            null,
            1,
            1,
            good.jpeg(),
            List.of(
                new EncodedView(view.view(), CodePacking.pack(large, 7)),
                new EncodedView(view.view(), new byte[13])));
    MimExample oneView = new MimExample("one view", null, 1, 1, good.jpeg(), List.of(view));
    writeManifest(
        Examples.METADATA,
        ShardFile.write(
            new ShardFolder(folder.toString()),
            FILE,
            Examples.METADATA,
            1 << 20,
            List.of(good, good, noJpeg, wrongCodes, oneView, last)));
    ShardVerification verification = verify();
    assertEquals(List.of(good.key()), verification.duplicateKeys());
    assertEquals(6, verification.rows());
    assertEquals(11, verification.views());
    String problems = String.join("\n", verification.problems());
    for (String problem :
        List.of(
            "1 rows with the key of another row, first " + good.key(),
            "1 rows without image bytes, first no jpeg",
            "1 rows with a code outside the codebook of 100, first wrong codes",
            "1 rows with codes of another length, first wrong codes",
            "1 rows without the 2 views, first one view")) {
      assertTrue(problems.contains(FILE + " has " + problem), problems);
    }
  }

  @Test
  void rowsInAnotherShardOrOrderAreFound() throws IOException {
    String file = "shard-00000-of-00002.parquet";
    List<MimExample> sorted;
    try (ShardSpool<MimExample> spool =
        new ShardSpool<>(new MimShardIO.MimFormat(Examples.METADATA, 1 << 20))) {
      for (int i = 0; i < 10; i++) {
        spool.add(Examples.example(i));
      }
      sorted = new ArrayList<>();
      spool.inOrder().forEach(sorted::add);
    }
    Collections.swap(sorted, 3, 4);
    writeManifest(
        Examples.METADATA,
        ShardFile.write(
            new ShardFolder(folder.toString()), file, Examples.METADATA, 1 << 20, sorted));
    ShardVerification verification = verify();
    String problems = String.join("\n", verification.problems());
    assertTrue(
        problems.contains("has 1 rows out of order, first " + sorted.get(4).key()), problems);
    assertTrue(problems.contains("rows that belong to another shard"), problems);
    assertFalse(verification.sound());
  }

  private ShardVerification verify() {
    return ShardVerification.verify(folder.toString());
  }

  private void writeManifest(ShardMetadata metadata, Shard shard) throws IOException {
    Files.writeString(
        folder.resolve("manifest.json"), ShardManifest.of(metadata, List.of(shard)).toJson());
  }

  private static void assertProblems(ShardVerification verification, String... problems) {
    assertFalse(verification.sound());
    assertEquals(problems.length, verification.problems().size(), verification::toString);
    for (int i = 0; i < problems.length; i++) {
      assertTrue(
          verification.problems().get(i).contains(problems[i]), verification.problems()::toString);
    }
  }
}
