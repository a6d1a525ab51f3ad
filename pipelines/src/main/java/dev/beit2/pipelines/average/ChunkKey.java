package dev.beit2.pipelines.average;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.Json;
import dev.beit2.model.train.Averaging;
import org.apache.beam.sdk.coders.Coder;

/**
 * Identifies a chunk of a tensor: some rows of its last dimension.
 *
 * @param tensor its name
 * @param from index of the chunk's first value in the tensor
 * @param rowLength values per row
 * @param averaging how the workers' chunks are combined
 */
public record ChunkKey(String tensor, long from, int rowLength, Averaging averaging) {
  static final Coder<ChunkKey> CODER = Json.coder(ChunkKey.class);

  public ChunkKey {
    requireNonNull(tensor, "tensor is null");
    requireNonNull(averaging, "averaging is null");
  }
}
