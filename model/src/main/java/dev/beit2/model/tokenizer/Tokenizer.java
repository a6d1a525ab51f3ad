package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/**
 * A trained tokenizer, for inference: images → one code per patch. Safe for use by many threads.
 */
public final class Tokenizer implements AutoCloseable {
  private final VqKdConfig config;
  private final StateDict state;
  private final VqKd network;
  private final String digest;

  private Tokenizer(VqKdConfig config, Kernels kernels, StateDict state, String digest) {
    this.config = config;
    this.state = state;
    this.network = new VqKd(config, kernels, state);
    this.digest = digest;
  }

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @throws InvalidCheckpointException if it is not exactly a tokenizer's file
   */
  public static Tokenizer read(ReadableByteChannel model, Precision precision) throws IOException {
    Sha256Channel in = new Sha256Channel(model);
    Safetensors file = Safetensors.read(in, TokenizerDescription::layout);
    VqKdConfig config = TokenizerDescription.config(file.metadata());
    Kernels kernels = Kernels.of(precision);
    file.tensors().convert(kernels, name -> name.startsWith("encoder.blocks."));
    return new Tokenizer(config, kernels, file.tensors(), in.digest());
  }

  /** SHA-256 of the file it was read from, as hexadecimal digits. */
  public String digest() {
    return digest;
  }

  /** Side of its input images, in pixels. */
  public int imageSize() {
    return config.encoder().imageSize();
  }

  /** Patches along a side. */
  public int grid() {
    return config.encoder().grid();
  }

  /** Codes, K. */
  public int codebookSize() {
    return config.codebookSize();
  }

  /**
   * The codes of a batch.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param codes receives B · N codes, image by image, row by row, each in [0, K)
   */
  public void encode(ByteBuffer images, int batch, int[] codes) {
    int side = imageSize();
    try (NDManager manager = state.newManager()) {
      NDArray input = manager.create(images, new Shape(batch, 3, side, side), DataType.FLOAT32);
      long[] found = network.codes(manager, network.encode(manager, input)).toLongArray();
      for (int i = 0; i < found.length; i++) {
        codes[i] = (int) found[i];
      }
    }
  }

  @Override
  public void close() {
    state.close();
  }
}
