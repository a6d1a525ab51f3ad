package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.WriteResult;
import java.io.IOException;
import java.util.List;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PCollection;
import org.apache.parquet.hadoop.ParquetWriter;

/**
 * Writes features of images as a set of Parquet files with a manifest.
 *
 * <pre>{@code
 * rows.apply("Write features", FeatureShardIO.write(output, metadata).withShardMegabytes(256));
 * }</pre>
 *
 * <p>What {@link MimShardIO} says of writing and of errors holds here as well. {@link
 * FeatureShards} reads the set.
 */
public final class FeatureShardIO {
  private static final long MEGABYTE = 1 << 20;
  private static final long ROW_GROUP_BYTES = 32 * MEGABYTE;

  private FeatureShardIO() {}

  /** Writes shards of 256 megabytes to a folder, which is created if it does not exist. */
  public static Write write(String directory, FeatureMetadata metadata) {
    return new Write(directory, metadata, 256 * MEGABYTE, ROW_GROUP_BYTES, List.of());
  }

  /** Implementation of {@link FeatureShardIO#write}; the output is the manifest. */
  public static final class Write
      extends PTransform<PCollection<FeatureRow>, PCollection<FeatureManifest>> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final FeatureMetadata metadata;
    private final long shardBytes;
    private final long rowGroupBytes;
    private final transient List<PCollection<?>> before;

    private Write(
        String directory,
        FeatureMetadata metadata,
        long shardBytes,
        long rowGroupBytes,
        List<PCollection<?>> before) {
      this.directory = requireNonNull(directory, "directory is null");
      this.metadata = requireNonNull(metadata, "metadata is null");
      this.shardBytes = shardBytes;
      this.rowGroupBytes = rowGroupBytes;
      this.before = before;
    }

    /** The approximate size of a shard. */
    public Write withShardMegabytes(int megabytes) {
      return withBytes(megabytes * MEGABYTE, rowGroupBytes);
    }

    Write withBytes(long shard, long rowGroup) {
      if (shard < 1 || rowGroup < 1) {
        throw new IllegalArgumentException("sizes must be positive");
      }
      return new Write(directory, metadata, shard, rowGroup, before);
    }

    /** Writes the manifest only after this collection is complete. */
    public Write withManifestAfter(PCollection<?> others) {
      return new Write(directory, metadata, shardBytes, rowGroupBytes, List.of(others));
    }

    @Override
    public PCollection<FeatureManifest> expand(PCollection<FeatureRow> rows) {
      return new WriteShards<>(
              directory, new Format(metadata, rowGroupBytes), shardBytes, 0, before)
          .expand(rows);
    }

    @Override
    public void populateDisplayData(DisplayData.Builder builder) {
      super.populateDisplayData(builder);
      builder
          .add(DisplayData.item("directory", directory).withLabel("Feature Folder"))
          .add(DisplayData.item("backbone", metadata.backbone()).withLabel("Backbone"))
          .add(DisplayData.item("shardBytes", shardBytes).withLabel("Target Shard Size in Bytes"));
    }
  }

  private record Format(FeatureMetadata metadata, long rowGroupBytes)
      implements ShardFormat<FeatureRow, FeatureManifest> {
    @Override
    public long seed() {
      return metadata.seed();
    }

    @Override
    public Coder<FeatureRow> rowCoder() {
      return FeatureRow.CODER;
    }

    @Override
    public Coder<FeatureManifest> manifestCoder() {
      return FeatureManifest.CODER;
    }

    @Override
    public String key(FeatureRow row) {
      return row.key();
    }

    @Override
    public long bytes(FeatureRow row) {
      int bytes = metadata.type() == FeatureType.FLOAT32 ? Float.BYTES : FeatureColumns.HALF_BYTES;
      return row.key().length()
          + row.vectors().stream().mapToLong(vector -> (long) vector.length * bytes).sum();
    }

    @Override
    public Shard write(ShardFolder folder, String file, Iterable<FeatureRow> rows)
        throws IOException {
      long[] count = {0};
      WriteResult written =
          folder
              .file(file)
              .write(
                  channel -> {
                    try (ParquetWriter<FeatureRow> writer =
                        FeatureWriter.open(new ShardOutput(channel), metadata, rowGroupBytes)) {
                      for (FeatureRow row : rows) {
                        writer.write(row);
                        count[0]++;
                      }
                    }
                  });
      return new Shard(file, count[0], written.bytes(), written.crc32cHex());
    }

    @Override
    public FeatureManifest manifest(List<Shard> shards) {
      return new FeatureManifest(FeatureManifest.VERSION, metadata, shards);
    }
  }
}
