package dev.beit2.model.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class TokenizerDescriptionTest {
  private static final VqKdConfig CONFIG = TokenizerRecipe.TINY.network(108);

  private static byte[] file(String kind) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    try (StateDict state = VqKd.initialize(CONFIG, 1)) {
      Safetensors.write(
          Channels.newChannel(file), ModelMetadata.of(kind, CONFIG).toMap(), state.tensors());
    }
    return file.toByteArray();
  }

  private static ReadableByteChannel channel(byte[] file) {
    return Channels.newChannel(new ByteArrayInputStream(file));
  }

  @Test
  void describesTheLoadedTokenizer() throws IOException {
    byte[] file = file("vqkd");
    TokenizerDescription description = TokenizerDescription.read(channel(file));
    try (Tokenizer tokenizer = Tokenizer.read(channel(file), Precision.FP32)) {
      assertEquals(tokenizer.digest(), description.digest());
      assertEquals(CONFIG, description.config());
    }
  }

  @Test
  void anIncompleteTokenizerIsRefused() throws IOException {
    byte[] whole = file("vqkd");
    byte[] truncated = Arrays.copyOf(whole, whole.length - 1);
    IOException early =
        assertThrows(IOException.class, () -> TokenizerDescription.read(channel(truncated)));
    assertEquals("the file ends early", early.getMessage());

    byte[] other = file("mim");
    IOException wrong =
        assertThrows(IOException.class, () -> TokenizerDescription.read(channel(other)));
    assertTrue(wrong.getMessage().contains("kind mim"), wrong.getMessage());
    assertEquals(
        wrong.getMessage(),
        assertThrows(IOException.class, () -> Tokenizer.read(channel(other), Precision.FP32))
            .getMessage());
    assertThrows(IOException.class, () -> TokenizerDescription.read(channel(new byte[] {1, 2, 3})));
  }
}
