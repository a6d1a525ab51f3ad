package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.beam.sdk.testing.CoderProperties;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PCollection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

class MimShardIOReadTest {
  @TempDir Path folder;

  @Test
  void readsEveryExampleOfSeveralShardsAndRowGroups() throws Exception {
    List<MimExample> examples = Examples.examples(60);
    ShardManifest manifest = Examples.write(folder, examples, 30_000);
    assertEquals(4, manifest.shards().size());
    ShardFile shard = new ShardFile(new ShardFolder(folder.toString()), manifest.shards().get(0));
    assertTrue(shard.listed().rowGroups().size() > 1, shard::toString);
    CoderProperties.coderDecodeEncodeEqual(
        ShardFile.Part.CODER, new ShardFile.Part(shard, shard.listed().rowGroups().get(1)));
    CoderProperties.coderSerializable(ShardFile.Part.CODER);

    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollection<MimExample> read =
        pipeline.apply("Read", MimShardIO.read().from(folder.toString()));
    PAssert.that(read).containsInAnyOrder(examples);
    pipeline.run().waitUntilFinish();
  }

  @Test
  void missingManifestFailsThePipeline() {
    assertTrue(failure().found().contains("no manifest.json in " + folder));
  }

  @Test
  void corruptShardFailsThePipelineAndIsNamed() throws IOException {
    ShardManifest manifest = Examples.write(folder, Examples.examples(60), 30_000);
    Path corrupt = folder.resolve(manifest.shards().get(2).file());
    byte[] bytes = Files.readAllBytes(corrupt);
    bytes[bytes.length / 2] ^= 1; // a row's data: the footer stays valid
    Files.write(corrupt, bytes);
    InvalidInputException error = failure();
    assertTrue(error.found().contains(corrupt.toString()), error::getMessage);
  }

  private InvalidInputException failure() {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline.apply("Read", MimShardIO.read().from(folder.toString()));
    Throwable error = assertThrows(RuntimeException.class, () -> pipeline.run().waitUntilFinish());
    while (error != null && !(error instanceof InvalidInputException)) {
      error = error.getCause();
    }
    return assertThrows(InvalidInputException.class, throwing(error));
  }

  private static Executable throwing(Throwable error) {
    return () -> {
      throw error;
    };
  }

  @Test
  void theFolderIsRequired() {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    assertThrows(IllegalArgumentException.class, () -> pipeline.apply("Read", MimShardIO.read()));
  }

  @Test
  void displayDataNamesTheFolder() {
    DisplayData data = DisplayData.from(MimShardIO.read().from("/shards"));
    assertEquals(
        List.of("/shards"), data.items().stream().map(DisplayData.Item::getValue).toList());
  }
}
