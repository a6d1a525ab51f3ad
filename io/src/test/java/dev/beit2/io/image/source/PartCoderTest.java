package dev.beit2.io.image.source;

import org.apache.beam.sdk.testing.CoderProperties;
import org.junit.jupiter.api.Test;

class PartCoderTest {
  @Test
  void partsComeBack() throws Exception {
    PartCoder coder = new PartCoder();
    CoderProperties.coderSerializable(coder);
    Part labelled = new Part("n01440764.tar", "gs://b/x.tar", 512, 1L << 40, 3, false);
    Part unlabelled = new Part("ü/1.jpg", "/data/ü/1.jpg", 0, 0, null, true);
    for (Part part : new Part[] {labelled, unlabelled}) {
      CoderProperties.coderDecodeEncodeEqual(coder, part);
      CoderProperties.coderDeterministic(coder, part, part);
      CoderProperties.coderConsistentWithEquals(coder, part, labelled);
    }
  }
}
