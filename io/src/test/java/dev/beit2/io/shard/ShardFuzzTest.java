package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.beit2.io.FuzzLimits;
import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Mutated shards, under manifests that list them as they are: rows, or an error that names the
 * file.
 */
class ShardFuzzTest {
  private static final Path FOLDER = temporary();

  private static Path temporary() {
    try {
      return Files.createTempDirectory("beit2-fuzz");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  static Stream<byte[]> shards() throws IOException {
    ShardManifest manifest = Examples.write(FOLDER, Examples.examples(6), 1 << 20);
    return Stream.of(Files.readAllBytes(FOLDER.resolve(manifest.shards().get(0).file())));
  }

  @MethodSource("shards")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void readsOrRefuses(byte[] bytes) throws IOException {
    String name = new ShardName(0, 1).file();
    Files.write(FOLDER.resolve(name), bytes);
    ShardManifest manifest =
        ShardManifest.of(
            Examples.METADATA,
            // A manifest names no empty file.
            List.of(new ShardManifest.Shard(name, 6, Math.max(1, bytes.length), "00000000")));
    Files.writeString(FOLDER.resolve(ShardManifest.FILE), manifest.toJson());
    try {
      MimShards shards = MimShards.open(FOLDER.toString());
      MimShards.Epoch epoch = shards.epoch(0, 0);
      for (long i = 0; i < shards.examples(); i++) {
        epoch.get(i);
      }
    } catch (InvalidInputException e) {
      assertTrue(e.getMessage().contains(name), e.getMessage());
    }
    ShardVerification found = ShardVerification.verify(FOLDER.toString());
    assertTrue(found.problems().stream().allMatch(problem -> problem.contains(name)));
    FuzzLimits.checkMemory();
  }
}
