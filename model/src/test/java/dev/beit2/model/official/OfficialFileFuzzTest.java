package dev.beit2.model.official;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.PthFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/** Mutated files of PyTorch: a model of the file's size, or one line, whatever the bytes. */
class OfficialFileFuzzTest {
  static Stream<byte[]> files() throws IOException {
    return Stream.of(
        PthFile.resource("tokenizer"),
        PthFile.resource("pretrained-bf16-legacy"),
        PthFile.resource("pretrained-views"),
        PthFile.resource("fine-tuned"));
  }

  @MethodSource("files")
  @Timeout(30) // for an input that takes forever; a busy machine takes seconds for any
  @FuzzTest(maxDuration = "")
  void readsOrRefuses(byte[] bytes) throws IOException {
    try (ReadableByteChannel in = OfficialFile.asSafetensors(PthFile.channel(bytes))) {
      ByteBuffer chunk = ByteBuffer.allocate(1 << 16);
      while (in.read(chunk.clear()) >= 0) {
        continue;
      }
    } catch (InvalidCheckpointException e) {
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    }
  }
}
