package dev.beit2.pipelines.average;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.train.Averaging;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.coders.VarLongCoder;

/**
 * Identifies a chunk of a tensor: some rows of its last dimension.
 *
 * @param tensor its name
 * @param from index of the chunk's first value in the tensor
 * @param rowLength values per row
 * @param averaging how the workers' chunks are combined
 */
public record ChunkKey(String tensor, long from, int rowLength, Averaging averaging) {
  static final Coder<ChunkKey> CODER = new KeyCoder();

  public ChunkKey {
    requireNonNull(tensor, "tensor is null");
    requireNonNull(averaging, "averaging is null");
  }

  private static final class KeyCoder extends AtomicCoder<ChunkKey> {
    private static final long serialVersionUID = 1L;
    private static final Coder<String> TEXT = StringUtf8Coder.of();
    private static final Coder<Long> LONG = VarLongCoder.of();
    private static final Coder<Integer> INT = VarIntCoder.of();

    @Override
    public void encode(ChunkKey key, OutputStream out) throws IOException {
      TEXT.encode(key.tensor, out);
      LONG.encode(key.from, out);
      INT.encode(key.rowLength, out);
      TEXT.encode(key.averaging.name(), out);
    }

    @Override
    public ChunkKey decode(InputStream in) throws IOException {
      return new ChunkKey(
          TEXT.decode(in), LONG.decode(in), INT.decode(in), Averaging.valueOf(TEXT.decode(in)));
    }

    @Override
    public boolean consistentWithEquals() {
      return true;
    }
  }
}
