package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderRegistry;
import org.apache.beam.sdk.testing.CoderProperties;
import org.junit.jupiter.api.Test;

class CodersTest {
  private static final List<ImageRecord> RECORDS =
      List.of(
          new ImageRecord("bird/b ü.JPEG", 3, new byte[] {1, 2, 3}),
          new ImageRecord("bird/b ü.JPEG", 0, new byte[] {1, 2, 3}),
          new ImageRecord("x", null, new byte[0]));

  private static final List<View> VIEWS =
      List.of(
          new View(1, 2, 300, 400, true, 0.6f, 1.4f, 0, (byte) 5),
          new View(1, 2, 300, 400, false, 0.6f, 1.4f, 0, (byte) 5),
          View.center(1000, 700, 1));

  @Test
  void imageRecordsAreEncodedAndDecoded() throws Exception {
    checkAll(ImageRecord.class, ImageRecord.CODER, RECORDS);
  }

  @Test
  void rejectedImagesAreEncodedAndDecoded() throws Exception {
    checkAll(
        RejectedImage.class,
        RejectedImage.CODER,
        List.of(new RejectedImage("a", "empty file"), new RejectedImage("ä", "")));
  }

  @Test
  void viewsAreEncodedAndDecoded() throws Exception {
    checkAll(View.class, View.CODER, VIEWS);
  }

  private static <T> void checkAll(Class<T> type, Coder<T> coder, List<T> values) throws Exception {
    check(coder, values);
    assertEquals(coder, CoderRegistry.createDefault().getCoder(type));
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
