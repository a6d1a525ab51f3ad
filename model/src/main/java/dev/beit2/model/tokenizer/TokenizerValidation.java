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

/**
 * Measures a tokenizer on images that it was not trained on (official {@code engine_for_vqkd.py},
 * {@code evaluate}): the codebook's usage over the whole set, not over a batch.
 */
public final class TokenizerValidation implements AutoCloseable {
  private final Network network;
  private final int imageSize;
  private final long[] counts;
  private long images;
  private double lossSum;

  /** What is measured. */
  private interface Network extends AutoCloseable {
    /**
     * Counts the codes of images; see {@link TokenizerValidation#add}.
     *
     * @return the mean reconstruction loss; not a number without a teacher
     */
    double measure(ByteBuffer batch, int size, long[] counts);

    @Override
    void close();
  }

  private TokenizerValidation(Network network, int imageSize, int codebookSize) {
    this.network = network;
    this.imageSize = imageSize;
    this.counts = new long[codebookSize];
  }

  /** Counts the codes of any tokenizer, which is closed with this. */
  public static TokenizerValidation codesOf(Tokenizer tokenizer) {
    return new TokenizerValidation(
        new Codes(tokenizer), tokenizer.imageSize(), tokenizer.codebookSize());
  }

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @param teacher whose features are reconstructed, closed with this
   * @throws IOException if it is not exactly a tokenizer's file
   */
  public static TokenizerValidation read(
      ReadableByteChannel model, Teacher teacher, Kernels kernels) throws IOException {
    Safetensors file = Safetensors.read(model, TokenizerDescription::layout);
    VqKdConfig config = TokenizerDescription.config(file.metadata());
    VqKd network = new VqKd(config, kernels, file.tensors());
    int imageSize = config.encoder().imageSize();
    return new TokenizerValidation(
        new Reconstruction(kernels, teacher, file.tensors(), network, imageSize),
        imageSize,
        config.codebookSize());
  }

  private record Codes(Tokenizer tokenizer) implements Network {
    @Override
    public double measure(ByteBuffer batch, int size, long[] counts) {
      int[] codes = new int[size * tokenizer.grid() * tokenizer.grid()];
      tokenizer.encode(batch, size, codes);
      for (int code : codes) {
        counts[code]++;
      }
      return Double.NaN;
    }

    @Override
    public void close() {
      tokenizer.close();
    }
  }

  private record Reconstruction(
      Kernels kernels, Teacher teacher, StateDict state, VqKd network, int imageSize)
      implements Network {
    @Override
    public double measure(ByteBuffer batch, int size, long[] counts) {
      double[] loss = new double[1];
      kernels.withoutGradient(() -> loss[0] = reconstruct(batch, size, counts));
      return loss[0];
    }

    private double reconstruct(ByteBuffer batch, int size, long[] counts) {
      Shape shape = new Shape(size, 3, imageSize, imageSize);
      try (NDManager manager = state.newManager()) {
        NDArray input = manager.create(batch, shape, DataType.FLOAT32);
        VqKd.Output output =
            network.forward(manager, input, teacher.features(manager, input), /* seed= */ 0);
        for (long code : output.vectors().codes().toLongArray()) {
          counts[(int) code]++;
        }
        return output.reconstructionLoss().getFloat();
      }
    }

    @Override
    public void close() {
      state.close();
      teacher.close();
    }
  }

  /**
   * Measures some images.
   *
   * @param batch [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param size images of the batch, B
   * @throws InvalidCodesException if a tokenizer makes codes that are none
   */
  public void add(ByteBuffer batch, int size) {
    lossSum += size * network.measure(batch, size, counts);
    images += size;
  }

  /** Side of the input images, in pixels. */
  public int imageSize() {
    return imageSize;
  }

  /** Images measured so far. */
  public long images() {
    return images;
  }

  /** Mean reconstruction loss of the images, 0 to 2; not a number without a teacher. */
  public double reconstructionLoss() {
    return lossSum / images;
  }

  /** How many patches had each code, [K]. */
  public long[] counts() {
    return counts.clone();
  }

  @Override
  public void close() {
    network.close();
  }
}
