package dev.beit2.model.tokenizer;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.model.checkpoint.Sha256Channel;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * What is known of a trained tokenizer without loading its network.
 *
 * @param config the network's shape
 * @param digest SHA-256 of {@code model.safetensors}, as hexadecimal digits
 * @param greyRange see {@link ModelMetadata}
 */
public record TokenizerDescription(VqKdConfig config, String digest, @Nullable String greyRange) {
  /**
   * Reads a checkpoint's {@code model.safetensors} and checks all of it, in a small buffer.
   *
   * @throws InvalidCheckpointException if it is not exactly a tokenizer's file
   */
  public static TokenizerDescription read(ReadableByteChannel model) throws IOException {
    Sha256Channel in = new Sha256Channel(model);
    SafetensorsHeader header = Safetensors.check(in, TokenizerDescription::layout);
    return new TokenizerDescription(
        config(header.metadata()), in.digest(), ModelMetadata.of(header.metadata()).greyRange());
  }

  /** The config in the metadata of a tokenizer's file. */
  static VqKdConfig config(Map<String, String> metadata) throws InvalidCheckpointException {
    return ModelMetadata.of(metadata).config("vqkd", "a tokenizer", VqKdConfig.class);
  }

  /** The layout of a tokenizer's file with this metadata. */
  static Layout layout(Map<String, String> metadata) throws InvalidCheckpointException {
    return VqKd.layout(config(metadata));
  }
}
