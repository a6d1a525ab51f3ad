package dev.beit2.pipelines.tokenize;

import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;
import java.nio.ByteBuffer;

/** What turns pictures into codes, as the pipeline sees it. Safe for use by many threads. */
public interface PatchEncoder extends AutoCloseable {

  /** Where an encoder comes from; equal sources give the same encoder. */
  interface Source extends Serializable {
    PatchEncoder open() throws IOException;
  }

  /**
   * Puts the codes of pictures [B, 3, S, S] in [0, 1], float32, into {@code codes}, B · N.
   *
   * @throws RuntimeException if that fails
   */
  void encode(ByteBuffer images, int batch, int[] codes);

  /**
   * A tokenizer's checkpoint.
   *
   * @param digest of the model that was found there when the pipeline was built
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

  /** An encoder that closes the tokenizer with itself. */
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
