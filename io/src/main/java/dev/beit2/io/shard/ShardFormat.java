package dev.beit2.io.shard;

import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import org.apache.beam.sdk.coders.Coder;

/**
 * A kind of shards: what their rows are, and how a shard and the manifest of a set are written.
 *
 * @param <T> a row
 * @param <M> a manifest
 */
interface ShardFormat<T, M> extends Serializable {
  /** Seed of the rows' order. */
  long seed();

  Coder<T> rowCoder();

  Coder<M> manifestCoder();

  /** The row's key, unique in the set. */
  String key(T row);

  /** The approximate size of the row in a shard. */
  long bytes(T row);

  /** Writes a shard with these rows, in their order. */
  Shard write(ShardFolder folder, String file, Iterable<T> rows) throws IOException;

  /** The manifest of a set. */
  M manifest(List<Shard> shards);
}
