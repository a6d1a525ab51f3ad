package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.beit2.io.shard.ShardManifest.Shard;
import java.util.List;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.testing.CoderProperties;
import org.junit.jupiter.api.Test;

class CodersTest {
  @Test
  void mimExamplesAreEncodedAndDecoded() throws Exception {
    MimExample noViews = new MimExample("ä", null, 1, 2, new byte[0], List.of());
    check(MimExample.CODER, List.of(Examples.example(0), Examples.example(1), noViews));
    assertEquals(MimExample.CODER, CoderRegistry.createDefault().getCoder(MimExample.class));
  }

  @Test
  void shardsAndManifestsAreEncodedAndDecoded() throws Exception {
    Shard shard = new Shard("shard-00000-of-00002.parquet", 7, 1L << 40, "0123abcd");
    check(Shard.CODER, List.of(shard, new Shard("x", 0, 0, "")));
    check(
        ShardManifest.CODER,
        List.of(
            ShardManifest.of(Examples.METADATA, List.of(shard)),
            ShardManifest.of(Examples.METADATA, List.of())));
    assertEquals(ShardManifest.CODER, CoderRegistry.createDefault().getCoder(ShardManifest.class));
  }

  private static <T> void check(Coder<T> coder, List<T> values) throws Exception {
    CoderProperties.coderSerializable(coder);
    for (T value : values) {
      CoderProperties.coderDecodeEncodeEqual(coder, value);
      CoderProperties.coderDeterministic(coder, value, value);
      for (T other : values) {
        CoderProperties.coderConsistentWithEquals(coder, value, other);
      }
    }
  }
}
