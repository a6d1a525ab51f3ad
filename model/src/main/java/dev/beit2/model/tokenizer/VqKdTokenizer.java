package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/** A tokenizer that {@code train-tokenizer} or the official code has trained. */
final class VqKdTokenizer implements Tokenizer {
  private final VqKdConfig config;
  private final StateDict state;
  private final VqKd network;
  private final String digest;

  private VqKdTokenizer(VqKdConfig config, Kernels kernels, StateDict state, String digest) {
    this.config = config;
    this.state = state;
    this.network = new VqKd(config, kernels, state);
    this.digest = digest;
  }

  static VqKdTokenizer read(ReadableByteChannel model, Precision precision) throws IOException {
    Sha256Channel in = new Sha256Channel(model);
    Safetensors file = Safetensors.read(in, TokenizerDescription::layout);
    VqKdConfig config = TokenizerDescription.config(file.metadata());
    Kernels kernels = Kernels.of(precision);
    file.tensors().convert(kernels, name -> name.startsWith("encoder.blocks."));
    return new VqKdTokenizer(config, kernels, file.tensors(), in.digest());
  }

  @Override
  public String digest() {
    return digest;
  }

  @Override
  public int imageSize() {
    return config.encoder().imageSize();
  }

  @Override
  public int grid() {
    return config.encoder().grid();
  }

  @Override
  public int codebookSize() {
    return config.codebookSize();
  }

  @Override
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
