package dev.beit2.model.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.Precision;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** TorchScript programs as tokenizers. See {@code tokenizers/make_tokenizers.py}. */
final class ScriptTokenizerTest {
  private static final int SIDE = 96;
  private static final int PATCH = 16;
  private static final int GRID = 6;
  private static final Normalization INPUT =
      new Normalization(new float[] {0.5f, 0.4f, 0.3f}, new float[] {0.25f, 0.25f, 0.25f}, SIDE);

  private static byte[] file(String name) throws IOException {
    try (InputStream in = ScriptTokenizerTest.class.getResourceAsStream(name)) {
      return in.readAllBytes();
    }
  }

  private static Tokenizer tokenizer(String name, int codes) throws IOException {
    return Tokenizer.torchScript(
        Kernels.of(Precision.FP32),
        Channels.newChannel(new ByteArrayInputStream(file(name))),
        INPUT,
        codes);
  }

  /** Images whose patch p of image i has the red (p + i) % 16 / 16 and a bit more. */
  private static ByteBuffer images(int count) {
    ByteBuffer images =
        ByteBuffer.allocateDirect(count * 3 * SIDE * SIDE * Float.BYTES)
            .order(ByteOrder.nativeOrder());
    for (int i = 0; i < count; i++) {
      for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
          int patch = y / PATCH * GRID + x / PATCH;
          images.putFloat(
              Float.BYTES * ((i * 3 * SIDE + y) * SIDE + x), ((patch + i) % 16 + 0.3f) / 16);
        }
      }
    }
    return images;
  }

  @ParameterizedTest
  @ValueSource(strings = {"/tokenizers/codes.pt", "/tokenizers/codes32.pt"})
  void eachPatchHasItsCode(String name) throws Exception {
    try (Tokenizer tokenizer = tokenizer(name, 16)) {
      assertEquals(
          List.of(SIDE, GRID, 16),
          List.of(tokenizer.imageSize(), tokenizer.grid(), tokenizer.codebookSize()));
      byte[] sha256 = MessageDigest.getInstance("SHA-256").digest(file(name));
      assertEquals(HexFormat.of().formatHex(sha256), tokenizer.digest());
      int[] codes = new int[3 * GRID * GRID];
      tokenizer.encode(images(3), 3, codes);
      int[] expected = new int[codes.length];
      for (int i = 0; i < codes.length; i++) {
        expected[i] = (i % (GRID * GRID) + i / (GRID * GRID)) % 16;
      }
      assertArrayEquals(expected, codes);
    }
  }

  @Test
  void codesOutsideOfTheCodebook() throws IOException {
    try (Tokenizer tokenizer = tokenizer("/tokenizers/codes.pt", 7)) {
      int[] codes = new int[GRID * GRID];
      InvalidCodesException refused =
          assertThrows(InvalidCodesException.class, () -> tokenizer.encode(images(1), 1, codes));
      assertEquals("the code 7", refused.getMessage());
    }
  }

  private static void assertRefused(String name, String why) {
    String message = assertThrows(IOException.class, () -> tokenizer(name, 16)).getMessage();
    assertTrue(message.contains(why), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void programsThatMakeSomethingElse() {
    assertRefused("/tokenizers/one-image.pt", "makes int64 (1, 72) of two images of 96 pixels");
    assertRefused("/teachers/map.pt", "makes float32 (2, 5, 12, 12) of two images");
    assertRefused("/teachers/dino.pth", "PyTorch cannot load the program");
  }
}
