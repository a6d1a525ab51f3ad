package dev.beit2.io.shard;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.View;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;

/** Made-up examples, and shards of them. */
final class Examples {
  static final ShardMetadata METADATA = new ShardMetadata("digest", 100, 4, 64, 2, 17, null, null);

  private Examples() {}

  static List<MimExample> examples(int count) {
    return IntStream.range(0, count).mapToObj(Examples::example).toList();
  }

  /** An example of 1,000 to 2,000 bytes; every third one has no label. */
  static MimExample example(int i) {
    Random random = new Random(i);
    byte[] jpeg = new byte[1000 + random.nextInt(1000)];
    random.nextBytes(jpeg);
    String key = "class" + i % 7 + "/" + i + ".jpg";
    List<EncodedView> views =
        IntStream.range(0, METADATA.views())
            .mapToObj(number -> encodedView(key, number, random))
            .toList();
    return new MimExample(key, i % 3 == 0 ? null : i % 7, 500, 375, jpeg, views);
  }

  private static EncodedView encodedView(String key, int number, Random random) {
    View view =
        Augmentation.randomResizedCrop(0.2)
            .withJitter(0.4)
            .sample(METADATA.seed(), key, number, 500, 375);
    int[] codes = random.ints(METADATA.codesPerView(), 0, METADATA.codebookSize()).toArray();
    return new EncodedView(view, CodePacking.pack(codes, METADATA.codeBits()));
  }

  /** Runs a pipeline that writes the examples, with row groups of about 8 of them. */
  static ShardManifest write(Path directory, List<MimExample> examples, long shardBytes) {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline
        .apply("Examples", Create.of(examples).withCoder(MimExample.CODER))
        .apply(
            "Write",
            MimShardIO.write(directory.toString(), METADATA)
                .withShardBytes(shardBytes)
                .withRowGroupBytes(16_000));
    pipeline.run().waitUntilFinish();
    return ShardManifest.read(directory.toString());
  }
}
