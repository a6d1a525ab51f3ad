package dev.beit2.model.tokenizer;

import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;

/**
 * What is known of a trained tokenizer without loading its network.
 *
 * @param config the network's shape
 * @param digest SHA-256 of {@code model.safetensors}, as hexadecimal digits
 */
public record TokenizerDescription(VqKdConfig config, String digest) {
  private static final int BUFFER = 1 << 16;

  /**
   * Reads a checkpoint's {@code model.safetensors}: its header, and the rest for the digest.
   *
   * @throws IOException if it cannot be read, ends early or is not a tokenizer
   */
  public static TokenizerDescription read(ReadableByteChannel model) throws IOException {
    MessageDigest sha256 = sha256();
    InputStream in = new DigestInputStream(Channels.newInputStream(model), sha256);
    SafetensorsHeader header = Safetensors.header(Channels.newChannel(in));
    VqKdConfig config = config(header.metadata());
    long end = header.bytes().remaining();
    for (SafetensorsHeader.Entry tensor : header.tensors().values()) {
      end = Math.max(end, tensor.end());
    }
    long read = header.bytes().remaining();
    byte[] buffer = new byte[BUFFER];
    for (int bytes = in.read(buffer); bytes >= 0; bytes = in.read(buffer)) {
      read += bytes;
    }
    if (read < end) {
      throw new EOFException("the file has %d bytes; its header needs %d".formatted(read, end));
    }
    return new TokenizerDescription(config, HexFormat.of().formatHex(sha256.digest()));
  }

  /** The config in the metadata of a tokenizer's file. */
  static VqKdConfig config(Map<String, String> metadata) throws IOException {
    return ModelMetadata.of(metadata).config("vqkd", "a tokenizer", VqKdConfig.class);
  }

  static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
