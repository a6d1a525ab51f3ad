package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import javax.annotation.Nullable;

/**
 * Measures a tokenizer on images that it was not trained on (official {@code engine_for_vqkd.py},
 * {@code evaluate}): the codebook's usage over the whole set, not over a batch.
 */
public final class TokenizerValidation implements AutoCloseable {
  private final VqKdConfig config;
  private final Kernels kernels;
  @Nullable private final Teacher teacher;
  private final StateDict state;
  private final VqKd network;
  private final long[] counts;
  private long images;
  private double lossSum;

  private TokenizerValidation(
      VqKdConfig config, Kernels kernels, @Nullable Teacher teacher, StateDict state) {
    this.config = config;
    this.kernels = kernels;
    this.teacher = teacher;
    this.state = state;
    this.network = new VqKd(config, kernels, state);
    this.counts = new long[config.codebookSize()];
  }

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @param teacher whose features are reconstructed, closed with this; null if only codes are
   *     counted
   * @throws IOException if it is not exactly a tokenizer's file
   */
  public static TokenizerValidation read(
      ReadableByteChannel model, @Nullable Teacher teacher, Kernels kernels) throws IOException {
    Safetensors file = Safetensors.read(model, TokenizerDescription::layout);
    return new TokenizerValidation(
        TokenizerDescription.config(file.metadata()), kernels, teacher, file.tensors());
  }

  /**
   * Measures some images.
   *
   * @param batch [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param size images of the batch, B
   */
  public void add(ByteBuffer batch, int size) {
    kernels.withoutGradient(() -> measure(batch, size));
  }

  private void measure(ByteBuffer batch, int size) {
    int side = config.encoder().imageSize();
    try (NDManager manager = state.newManager()) {
      NDArray input = manager.create(batch, new Shape(size, 3, side, side), DataType.FLOAT32);
      if (teacher == null) {
        count(network.codes(manager, network.encode(manager, input)));
      } else {
        VqKd.Output output =
            network.forward(manager, input, teacher.features(manager, input), /* seed= */ 0);
        count(output.vectors().codes());
        lossSum += size * (double) output.reconstructionLoss().getFloat();
      }
      images += size;
    }
  }

  private void count(NDArray codes) {
    for (long code : codes.toLongArray()) {
      counts[(int) code]++;
    }
  }

  /** Side of the input images, in pixels. */
  public int imageSize() {
    return config.encoder().imageSize();
  }

  /** Images measured so far. */
  public long images() {
    return images;
  }

  /** Mean reconstruction loss of the images, 0 to 2; not a number without a teacher. */
  public double reconstructionLoss() {
    return teacher == null ? Double.NaN : lossSum / images;
  }

  /** How many patches had each code, [K]. */
  public long[] counts() {
    return counts.clone();
  }

  @Override
  public void close() {
    state.close();
    if (teacher != null) {
      teacher.close();
    }
  }
}
