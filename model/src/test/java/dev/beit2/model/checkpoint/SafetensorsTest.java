package dev.beit2.model.checkpoint;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.torch.StateDict;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SafetensorsTest {

  private static byte[] file() throws IOException {
    try (StateDict state = new StateDict()) {
      state.put("b", state.manager().create(new float[] {1, -2, 3.5f, 4, 5, 6}, new Shape(2, 3)));
      state.put("a", state.manager().create(new long[] {7, 1L << 40}));
      state.put("scalar", state.manager().create(0.25f));
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      Safetensors.write(
          Channels.newChannel(bytes), Map.of("kind", "test", "é", "\"quoted\""), state.tensors());
      return bytes.toByteArray();
    }
  }

  private static Safetensors read(byte[] bytes) throws IOException {
    return Safetensors.read(Channels.newChannel(new ByteArrayInputStream(bytes)));
  }

  @Test
  void readsWhatWasWritten() throws IOException {
    try (Safetensors read = read(file())) {
      assertEquals(Map.of("kind", "test", "é", "\"quoted\""), read.metadata());
      assertEquals(List.of("b", "a", "scalar"), read.tensors().names(name -> true));
      assertArrayEquals(new float[] {1, -2, 3.5f, 4, 5, 6}, read.tensors().get("b").toFloatArray());
      assertEquals(new Shape(2, 3), read.tensors().get("b").getShape());
      assertArrayEquals(new long[] {7, 1L << 40}, read.tensors().get("a").toLongArray());
      assertEquals(0.25f, read.tensors().get("scalar").getFloat());
      assertEquals(new Shape(), read.tensors().get("scalar").getShape());
    }
  }

  @Test
  void headerHasTheOffsetsOfTensors() throws IOException {
    byte[] file = file();
    SafetensorsHeader header =
        Safetensors.header(Channels.newChannel(new ByteArrayInputStream(file)));
    int start = file.length - 24 - 16 - 4;
    assertEquals(ByteBuffer.wrap(file, 0, start), header.bytes());
    assertEquals(Map.of("kind", "test", "é", "\"quoted\""), header.metadata());
    assertEquals(
        Map.of(
            "b", new Entry("F32", List.of(2L, 3L), start, start + 24),
            "a", new Entry("I64", List.of(2L), start + 24, start + 40),
            "scalar", new Entry("F32", List.of(), start + 40, start + 44)),
        header.tensors());
    assertEquals(List.of("b", "a", "scalar"), List.copyOf(header.tensors().keySet()));
  }

  @Test
  void sameTensorsGiveSameBytes() throws IOException {
    assertArrayEquals(file(), file());
  }

  @Test
  void refusesTruncatedAndOtherFiles() throws IOException {
    byte[] whole = file();
    assertThrows(
        InvalidCheckpointException.class, () -> read(Arrays.copyOf(whole, whole.length - 1)));
    assertThrows(InvalidCheckpointException.class, () -> read(Arrays.copyOf(whole, 20)));
    IOException refusal =
        assertThrows(IOException.class, () -> read("not a checkpoint at all".getBytes(UTF_8)));
    assertTrue(refusal.getMessage().startsWith("not a safetensors file"), refusal.getMessage());
  }

  @Test
  void refusesTextAfterTheHeadersObject() throws IOException {
    byte[] twoObjects = "{} {}".getBytes(UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(Long.BYTES + twoObjects.length).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(twoObjects.length).put(twoObjects);
    IOException refusal = assertThrows(IOException.class, () -> read(file.array()));
    assertTrue(refusal.getMessage().startsWith("not a safetensors file"), refusal.getMessage());
  }
}
