package dev.beit2.pipelines.tokenize;

import dev.beit2.model.tokenizer.InvalidCodesException;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.TokenizerSource;
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
   * @throws InvalidOptionException if the encoder is at fault
   * @throws RuntimeException if an image cannot be encoded
   */
  void encode(ByteBuffer images, int batch, int[] codes);

  /** The tokenizer of {@code --tokenizer}. */
  record OfTokenizer(TokenizerSource source) implements Source {
    private static final long serialVersionUID = 1L;

    @Override
    public PatchEncoder open() throws IOException {
      Tokenizer tokenizer = source.open();
      return new PatchEncoder() {
        @Override
        public void encode(ByteBuffer images, int batch, int[] codes) {
          try {
            tokenizer.encode(images, batch, codes);
          } catch (InvalidCodesException e) {
            throw source.refused(e);
          }
        }

        @Override
        public void close() {
          tokenizer.close();
        }
      };
    }
  }

  @Override
  void close();
}
