package dev.beit2.pipelines.tokenize;

import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;

/** Computes the code of each patch of an image. Safe for use by many threads. */
public interface PatchEncoder extends AutoCloseable {

  /** Opens an encoder; equal sources open equal encoders. */
  interface Source extends Serializable {
    PatchEncoder open() throws IOException;
  }

  /**
   * Encodes a batch of images.
   *
   * @param images {@code [B, 3, S, S]} in [0, 1]: float32 in a direct buffer of native order
   * @param batch number of images, B
   * @param codes receives B · N codes: image by image, row by row
   * @throws RuntimeException if an image cannot be encoded
   */
  void encode(ByteBuffer images, int batch, int[] codes);

  /**
   * The tokenizer of a checkpoint.
   *
   * @param path the checkpoint, or the run that has it
   * @param digest of the tokenizer, as it was when the pipeline was built
   * @param precision of the encoder
   */
  record Checkpointed(String path, String digest, Precision precision) implements Source {
    private static final long serialVersionUID = 1L;

    @Override
    public PatchEncoder open() throws IOException {
      Tokenizer tokenizer = Inputs.model("--tokenizer", path, in -> Tokenizer.read(in, precision));
      if (!tokenizer.digest().equals(digest)) {
        tokenizer.close();
        throw new InvalidOptionException(
            "--tokenizer=" + path,
            "digest " + tokenizer.digest(),
            digest + ", as when the pipeline began");
      }
      return of(tokenizer);
    }
  }

  /** Wraps a tokenizer; closing the encoder closes it. */
  static PatchEncoder of(Tokenizer tokenizer) {
    return new PatchEncoder() {
      @Override
      public void encode(ByteBuffer images, int batch, int[] codes) {
        tokenizer.encode(images, batch, codes);
      }

      @Override
      public void close() {
        tokenizer.close();
      }
    };
  }

  @Override
  void close();
}
