package dev.beit2.io.image.source;

import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.testing.CoderProperties;
import org.junit.jupiter.api.Test;

class SourcePartitionTest {
  @Test
  void isEncodedAndDecoded() throws Exception {
    Coder<SourcePartition> coder = SourcePartition.CODER;
    CoderProperties.coderSerializable(coder);
    SourcePartition labelled =
        new SourcePartition(
            "n01440764.tar", "gs://b/x.tar", 1L << 41, 512, 1L << 40, 3, true, false);
    SourcePartition unlabelled =
        new SourcePartition("ü/1.jpg", "/data/ü/1.jpg", 9, 0, 0, null, false, true);
    for (SourcePartition partition : new SourcePartition[] {labelled, unlabelled}) {
      CoderProperties.coderDecodeEncodeEqual(coder, partition);
      CoderProperties.coderDeterministic(coder, partition, partition);
      CoderProperties.coderConsistentWithEquals(coder, partition, labelled);
    }
  }
}
