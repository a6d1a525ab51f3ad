package dev.beit2.pipelines.eval;

import java.util.List;
import org.apache.beam.sdk.testing.CoderProperties;
import org.junit.jupiter.api.Test;

final class ImageFeaturesTest {
  @Test
  void isEncodedAndDecoded() throws Exception {
    ImageFeatures image =
        new ImageFeatures("a/b.jpg", 3, List.of(new float[] {1, -2.5f}, new float[0]));
    CoderProperties.coderDecodeEncodeEqual(ImageFeatures.CODER, image);
    CoderProperties.coderSerializable(ImageFeatures.CODER);
  }
}
