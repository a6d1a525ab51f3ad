package dev.beit2.io.image.source;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Mutated TFRecords: images or reasons, whatever the bytes. */
class TfRecordFuzzTest {
  static Stream<byte[]> archives() throws IOException {
    return FuzzedArchives.seeds(Sets::tfRecords);
  }

  @MethodSource("archives")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void readsOrRefuses(byte[] bytes) throws IOException {
    FuzzedArchives.readOrRefuse("tfrecord", "000000.tfrecord", bytes);
  }
}
