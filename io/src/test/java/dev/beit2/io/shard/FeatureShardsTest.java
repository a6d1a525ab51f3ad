package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.base.Throwables;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.shard.FeatureMetadata.Vector;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.beam.sdk.testing.CoderProperties;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FeatureShardsTest {
  private static final int COUNT = 100;

  @TempDir Path folder;

  private static FeatureMetadata metadata(FeatureType type) {
    return new FeatureMetadata(
        "runs/a",
        "abc",
        "fp32",
        type,
        5,
        null,
        List.of(new Vector("cls", 6), new Vector("mean", 3)));
  }

  private static FeatureRow row(int i) {
    Random random = new Random(i);
    float[] cls = new float[6];
    float[] mean = new float[3];
    for (int d = 0; d < cls.length; d++) {
      cls[d] = (float) random.nextGaussian();
      mean[d / 2] = (float) random.nextGaussian();
    }
    return new FeatureRow("ä/" + i + ".jpg", i % 3 == 0 ? null : i, List.of(cls, mean));
  }

  private static List<FeatureRow> rows() {
    return IntStream.range(0, COUNT).mapToObj(FeatureShardsTest::row).toList();
  }

  private FeatureManifest write(String name, List<FeatureRow> rows, FeatureType type) {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    String directory = folder.resolve(name).toString();
    pipeline
        .apply("Rows", Create.of(rows).withCoder(FeatureRow.CODER))
        .apply("Write", FeatureShardIO.write(directory, metadata(type)).withBytes(1500, 600));
    pipeline.run().waitUntilFinish();
    return FeatureManifest.read(directory);
  }

  private Map<String, FeatureRow> read(String name) {
    FeatureShards shards = FeatureShards.open(folder.resolve(name).toString());
    Map<String, FeatureRow> found = new HashMap<>();
    long next = 0;
    for (FeatureShards.Group group : shards.groups()) {
      FeatureShards.Rows rows = shards.read(group, List.of("mean", "cls"));
      assertEquals(next, rows.first());
      next += rows.count();
      for (int i = 0; i < rows.count(); i++) {
        float[] cls = new float[6];
        float[] mean = new float[3];
        System.arraycopy(rows.vectors().get("cls"), i * 6, cls, 0, 6);
        System.arraycopy(rows.vectors().get("mean"), i * 3, mean, 0, 3);
        Integer label = rows.labels()[i] == FeatureShards.NO_LABEL ? null : rows.labels()[i];
        found.put(rows.keys()[i], new FeatureRow(rows.keys()[i], label, List.of(cls, mean)));
      }
    }
    assertEquals(next, shards.manifest().rows());
    return found;
  }

  @Test
  void rowsComeBackAsTheyWere() {
    FeatureManifest manifest = write("a", rows(), FeatureType.FLOAT32);
    assertTrue(manifest.shards().size() > 1, "one shard proves little");
    Map<String, FeatureRow> found = read("a");
    assertEquals(COUNT, found.size());
    rows().forEach(row -> assertEquals(row, found.get(row.key())));
    FeatureShards shards = FeatureShards.open(folder.resolve("a").toString());
    assertTrue(shards.groups().size() > manifest.shards().size(), "several row groups in a shard");
  }

  @Test
  void halvesComeBackRounded() {
    write("a", rows(), FeatureType.FLOAT16);
    Map<String, FeatureRow> found = read("a");
    for (FeatureRow row : rows()) {
      for (int v = 0; v < 2; v++) {
        float[] wanted = row.vectors().get(v).clone();
        for (int d = 0; d < wanted.length; d++) {
          wanted[d] = HalfFloat.toFloat(HalfFloat.of(wanted[d]));
        }
        assertArrayEquals(wanted, found.get(row.key()).vectors().get(v));
      }
    }
  }

  @Test
  void filesDoNotDependOnTheOrderOfArrival() throws IOException {
    FeatureManifest manifest = write("a", rows(), FeatureType.FLOAT32);
    List<FeatureRow> shuffled = new ArrayList<>(rows());
    Collections.shuffle(shuffled, new Random(1));
    assertEquals(manifest, write("b", shuffled, FeatureType.FLOAT32));
    for (Shard shard : manifest.shards()) {
      assertArrayEquals(
          Files.readAllBytes(folder.resolve("a").resolve(shard.file())),
          Files.readAllBytes(folder.resolve("b").resolve(shard.file())));
    }
  }

  @Test
  void whatCannotBeStoredIsNamed() {
    FeatureRow large = new FeatureRow("x", 1, List.of(new float[6], new float[] {1, 70_000, 0}));
    Exception refused =
        assertThrows(Exception.class, () -> write("a", List.of(large), FeatureType.FLOAT16));
    assertEquals(
        "found mean of x with 70000.0, which float16 cannot hold; wanted float32",
        Throwables.getRootCause(refused).getMessage());
    assertFalse(Files.exists(folder.resolve("a/manifest.json")));
  }

  @Test
  void whatIsBrokenIsNamed() throws IOException {
    FeatureRow infinite =
        new FeatureRow("x", 1, List.of(new float[6], new float[] {1, Float.NaN, 0}));
    write("a", List.of(infinite), FeatureType.FLOAT32);
    assertRefused("a", "a number that is not finite in mean of x");

    Shard shard = write("b", rows(), FeatureType.FLOAT32).shards().get(0);
    Path file = folder.resolve("b").resolve(shard.file());
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length / 3] ^= 1;
    Files.write(file, bytes);
    assertRefused("b", "shard " + file + " unreadable (");
    Files.write(file, new byte[12]);
    assertRefused("b", "shard " + file + " with bytes 12, not " + shard.bytes());
    Files.delete(file);
    assertRefused("b", "shard " + file + " unreadable (");
    Files.writeString(folder.resolve("b/manifest.json"), "{\"schemaVersion\": 1}");
    assertRefused("b", "manifest.json, which is none of features");
    assertFalse(FeatureManifest.isIn(folder.resolve("b").toString()));
    assertFalse(FeatureManifest.isIn(folder.resolve("c").toString()));
    assertTrue(FeatureManifest.isIn(folder.resolve("a").toString()));
  }

  private void assertRefused(String name, String why) {
    InvalidInputException refused =
        assertThrows(InvalidInputException.class, () -> read(name), why);
    assertTrue(refused.getMessage().contains(why), refused.getMessage());
  }

  @Test
  void rowsAreEncodedAndDecoded() throws Exception {
    for (int i = 0; i < 2; i++) {
      CoderProperties.coderDecodeEncodeEqual(FeatureRow.CODER, row(i));
    }
    CoderProperties.coderSerializable(FeatureRow.CODER);
  }
}
