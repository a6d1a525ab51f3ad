package dev.beit2.io.image.source;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Mutated Parquet files of images: images or reasons, whatever the bytes. */
class ParquetFuzzTest {
  static Stream<byte[]> archives() throws IOException {
    return FuzzedArchives.seeds(Sets::parquet);
  }

  @MethodSource("archives")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void readsOrRefuses(byte[] bytes) throws IOException {
    FuzzedArchives.readOrRefuse("parquet", "000000.parquet", bytes);
  }
}
