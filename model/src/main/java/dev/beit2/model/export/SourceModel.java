package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.eval.Network;
import dev.beit2.model.vit.VitConfig;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.Map;
import java.util.Optional;

/**
 * A checkpoint's {@code model.safetensors}, opened to be exported. Its tensors are read when they
 * are written elsewhere, in small pieces. An exported tensor is a range of this file: a whole
 * tensor, or some of its rows.
 */
public final class SourceModel {
  private static final int CHUNK = 1 << 20;

  private final SeekableByteChannel file;
  private final SafetensorsHeader header;
  private final Network network;
  private final String digest;

  private SourceModel(
      SeekableByteChannel file, SafetensorsHeader header, Network network, String digest) {
    this.file = file;
    this.header = header;
    this.network = network;
    this.digest = digest;
  }

  /**
   * Reads the whole file once, to check it.
   *
   * @param file stays open; the caller closes it after the export
   * @throws InvalidCheckpointException if it is not exactly the file of a network
   */
  public static SourceModel open(SeekableByteChannel file) throws IOException {
    Sha256Channel in = new Sha256Channel(file);
    SafetensorsHeader header =
        Safetensors.check(in, metadata -> Network.of(metadata, Network.Kind.values()).layout());
    Network network = Network.of(header.metadata(), Network.Kind.values());
    return new SourceModel(file, header, network, in.digest());
  }

  /** What the network is. */
  public Network.Kind kind() {
    return network.kind();
  }

  /** The network's config, a record. */
  public Record config() {
    return network.config();
  }

  /** Side of the network's input images, in pixels. */
  public int imageSize() {
    return backbone().imageSize();
  }

  /** SHA-256 of the file, as hexadecimal digits. */
  public String digest() {
    return digest;
  }

  /** Numbers in all float32 tensors. */
  public long parameters() {
    return tensors().values().stream()
        .filter(tensor -> tensor.dtype().equals("F32"))
        .mapToLong(tensor -> tensor.size() / Float.BYTES)
        .sum();
  }

  /** How it has seen grey images of 16 bits, if the file says so. */
  public Optional<String> greyRange() {
    return Optional.ofNullable(ModelMetadata.of(header.metadata()).greyRange());
  }

  /** The metadata of the file. */
  Map<String, String> metadata() {
    return header.metadata();
  }

  /** The file's tensors by official name, in its order. */
  Map<String, Entry> tensors() {
    return header.tensors();
  }

  /** The network's transformer, of a tokenizer the encoder. */
  VitConfig backbone() {
    return network.transformer();
  }

  /** Receives bytes. */
  interface Sink {
    /** Takes all bytes that remain in the buffer. */
    void write(ByteBuffer bytes) throws IOException;
  }

  /** Copies a range of the file, little-endian as it is there. */
  void copy(Entry range, Sink out) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocate((int) Math.min(CHUNK, range.size()));
    file.position(range.start());
    for (long left = range.size(); left > 0; left -= chunk.limit()) {
      chunk.clear().limit((int) Math.min(chunk.capacity(), left));
      while (chunk.hasRemaining()) {
        if (file.read(chunk) < 0) {
          throw new EOFException("the checkpoint became shorter while it was exported");
        }
      }
      out.write(chunk.flip());
    }
  }
}
