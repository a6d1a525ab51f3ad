package dev.beit2.model.tokenizer;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.Precision;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;

/** A tokenizer, for inference: images → one code per patch. Safe for use by many threads. */
public interface Tokenizer extends AutoCloseable {
  /** The largest codebook, K. */
  int MOST_CODES = 1 << 24;

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @throws InvalidCheckpointException if it is not exactly a tokenizer's file
   */
  static Tokenizer read(ReadableByteChannel model, Precision precision) throws IOException {
    return VqKdTokenizer.read(model, precision);
  }

  /**
   * Any TorchScript program that makes codes [B, N], int64 or int32, of images [B, 3, S, S]. It
   * computes in its own precision.
   *
   * @param program its archive
   * @param input what it expects of images
   * @param codebookSize codes must be in [0, codebookSize)
   * @throws IOException if PyTorch cannot load it, or it makes something else
   */
  static Tokenizer torchScript(
      Kernels kernels, ReadableByteChannel program, Normalization input, int codebookSize)
      throws IOException {
    return ScriptTokenizer.read(kernels, program, input, codebookSize);
  }

  /** SHA-256 of the file it was read from, as hexadecimal digits. */
  String digest();

  /** Side of its input images, in pixels. */
  int imageSize();

  /** Patches along a side. */
  int grid();

  /** Codes, K. */
  int codebookSize();

  /**
   * The codes of a batch.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param codes receives B · N codes, image by image, row by row, each in [0, K)
   * @throws InvalidCodesException if a program makes something else
   */
  void encode(ByteBuffer images, int batch, int[] codes);

  @Override
  void close();
}
