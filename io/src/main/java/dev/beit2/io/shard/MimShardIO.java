package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.shard.ShardFile.Part;
import dev.beit2.io.shard.ShardManifest.RowGroup;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollection;

/**
 * Transforms that read and write sets of MIM shards: Parquet files and their manifest.
 *
 * <pre>{@code
 * PCollection<MimExample> examples =
 *     pipeline.apply("ReadShards", MimShardIO.read().from("gs://bucket/shards"));
 *
 * PCollection<ShardManifest> manifest =
 *     examples.apply("WriteShards", MimShardIO.write(output, metadata).withShardMegabytes(256));
 * }</pre>
 *
 * <h2>Reading</h2>
 *
 * <p>{@link #read()} returns every example once, in no particular order. The workers share the row
 * groups of all shards; each holds one row group in memory, normally 32 MB. To read in a shuffled
 * order for training, use {@link MimShards}.
 *
 * <h2>Writing</h2>
 *
 * <p>The files depend only on the set of examples: the seed and an example's key determine its
 * shard and its position there, in whatever order the runner delivers the examples. A file appears
 * complete or not at all. The manifest is written last, so a folder without a manifest is not a
 * dataset. {@code write} deletes an existing manifest before it writes the first shard, and other
 * shards and the temporary files of killed runs before it writes the new manifest.
 *
 * <h2>Errors</h2>
 *
 * <p>The pipeline fails with {@link dev.beit2.io.InvalidInputException}
 *
 * <ul>
 *   <li>in {@code read}, if the manifest is missing or invalid, or if a shard is missing, corrupt,
 *       or not the one that the manifest describes; the message names the file;
 *   <li>in {@code write}, if two examples have the same key; the message names the key.
 * </ul>
 */
public final class MimShardIO {
  private static final int DEFAULT_SHARD_MEGABYTES = 256;

  /** The part of a shard that a writer or a reader holds in memory. */
  private static final int ROW_GROUP_MEGABYTES = 32;

  private static final long MEGABYTE = 1 << 20;

  private MimShardIO() {}

  /** Reads all examples of a set of shards; {@link Read#from} is required. */
  public static Read read() {
    return new Read(null);
  }

  /** Writes shards to a folder, which is created if it does not exist. */
  public static Write write(String directory, ShardMetadata metadata) {
    return new Write(
        directory,
        metadata,
        DEFAULT_SHARD_MEGABYTES * MEGABYTE,
        0,
        ROW_GROUP_MEGABYTES * MEGABYTE,
        List.of());
  }

  /** Implementation of {@link MimShardIO#read}. */
  public static final class Read extends PTransform<PBegin, PCollection<MimExample>> {
    private static final long serialVersionUID = 1L;

    @Nullable private final String directory;

    private Read(@Nullable String directory) {
      this.directory = directory;
    }

    /** Reads the shards that the manifest in this folder lists. */
    public Read from(String directory) {
      return new Read(requireNonNull(directory, "directory is null"));
    }

    @Override
    public PCollection<MimExample> expand(PBegin begin) {
      if (directory == null) {
        throw new IllegalArgumentException("from() is required");
      }
      return begin
          .apply("Directory", Create.of(directory))
          .apply("ListRowGroups", ParDo.of(new ListRowGroupsFn()))
          .setCoder(Part.CODER)
          // One worker lists all row groups. Without a reshuffle it would also read them all.
          .apply("Reshuffle", Reshuffle.viaRandomKey())
          .apply("ReadRowGroups", ParDo.of(new ReadRowGroupFn()))
          .setCoder(MimExample.CODER);
    }

    @Override
    public void populateDisplayData(DisplayData.Builder builder) {
      super.populateDisplayData(builder);
      builder.addIfNotNull(DisplayData.item("directory", directory).withLabel("Shard Folder"));
    }
  }

  private static final class ListRowGroupsFn extends DoFn<String, Part> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(@Element String directory, OutputReceiver<Part> rowGroups) {
      ShardManifest manifest = ShardManifest.read(directory);
      ShardFolder folder = new ShardFolder(directory);
      if (manifest.listsRowGroups()) {
        for (Shard shard : manifest.shards()) {
          output(new ShardFile(folder, shard), shard.rowGroups(), rowGroups);
        }
        return;
      }
      for (ShardFile.Footer footer : ShardFile.footers(folder, manifest, shard -> {})) {
        if (footer.failure() != null) {
          throw footer.failure();
        }
        output(footer.shard(), footer.rowGroups(), rowGroups);
      }
    }

    private static void output(
        ShardFile shard, List<RowGroup> rowGroups, OutputReceiver<Part> parts) {
      rowGroups.forEach(group -> parts.output(new Part(shard, group)));
    }
  }

  private static final class ReadRowGroupFn extends DoFn<Part, MimExample> {
    private static final long serialVersionUID = 1L;

    private transient Map<String, ShardMetadata> sets;

    @Setup
    public void setup() {
      sets = new HashMap<>();
    }

    @ProcessElement
    public void processElement(@Element Part part, OutputReceiver<MimExample> examples) {
      // Once for all row groups of a set that this instance reads.
      ShardMetadata metadata =
          sets.computeIfAbsent(
              part.shard().folder().directory(),
              directory -> ShardManifest.read(directory).metadata());
      RowCheck rows = RowCheck.of(metadata);
      for (MimExample row : part.shard().open(metadata).fetch(part.group()).read()) {
        rows.fault(row)
            .ifPresent(
                fault -> {
                  throw part.shard().misfit(row, fault);
                });
        examples.output(row);
      }
    }
  }

  /** Implementation of {@link MimShardIO#write}; the output is the manifest, once it is written. */
  public static final class Write
      extends PTransform<PCollection<MimExample>, PCollection<ShardManifest>> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final ShardMetadata metadata;
    private final long shardBytes;
    private final int shardCount; // 0: shardBytes determines it
    private final long rowGroupBytes;
    private final transient List<PCollection<?>> before;

    private Write(
        String directory,
        ShardMetadata metadata,
        long shardBytes,
        int shardCount,
        long rowGroupBytes,
        List<PCollection<?>> before) {
      this.directory = requireNonNull(directory, "directory is null");
      this.metadata = requireNonNull(metadata, "metadata is null");
      if (shardBytes < 1 || shardCount < 0 || rowGroupBytes < 1) {
        throw new IllegalArgumentException("sizes must be positive");
      }
      this.shardBytes = shardBytes;
      this.shardCount = shardCount;
      this.rowGroupBytes = rowGroupBytes;
      this.before = before;
    }

    /** The approximate size of a shard; 256 by default. */
    public Write withShardMegabytes(int megabytes) {
      return withShardBytes(megabytes * MEGABYTE);
    }

    /**
     * Writes this many shards, whatever their size. A shard without examples has no file, so a
     * small set may have fewer.
     */
    public Write withShardCount(int count) {
      if (count < 1) {
        throw new IllegalArgumentException("count is " + count + ", must be positive");
      }
      return new Write(directory, metadata, shardBytes, count, rowGroupBytes, before);
    }

    /** Writes the manifest only after this collection is complete. */
    public Write withManifestAfter(PCollection<?> others) {
      return new Write(directory, metadata, shardBytes, shardCount, rowGroupBytes, List.of(others));
    }

    Write withShardBytes(long bytes) {
      return new Write(directory, metadata, bytes, 0, rowGroupBytes, before);
    }

    Write withRowGroupBytes(long bytes) {
      return new Write(directory, metadata, shardBytes, shardCount, bytes, before);
    }

    @Override
    public PCollection<ShardManifest> expand(PCollection<MimExample> examples) {
      return new WriteShards<>(
              directory, new MimFormat(metadata, rowGroupBytes), shardBytes, shardCount, before)
          .expand(examples);
    }

    @Override
    public void populateDisplayData(DisplayData.Builder builder) {
      super.populateDisplayData(builder);
      builder
          .add(DisplayData.item("directory", directory).withLabel("Shard Folder"))
          .add(DisplayData.item("seed", metadata.seed()).withLabel("Seed"))
          .add(DisplayData.item("views", metadata.views()).withLabel("Views per Image"))
          .add(DisplayData.item("shardBytes", shardBytes).withLabel("Target Shard Size in Bytes"))
          .addIfNotDefault(
              DisplayData.item("shardCount", shardCount).withLabel("Number of Shards"), 0);
    }
  }

  /** MIM shards, as {@link WriteShards} writes them. */
  record MimFormat(ShardMetadata metadata, long rowGroupBytes)
      implements ShardFormat<MimExample, ShardManifest> {
    @Override
    public long seed() {
      return metadata.seed();
    }

    @Override
    public Coder<MimExample> rowCoder() {
      return MimExample.CODER;
    }

    @Override
    public Coder<ShardManifest> manifestCoder() {
      return ShardManifest.CODER;
    }

    @Override
    public String key(MimExample row) {
      return row.key();
    }

    @Override
    public long bytes(MimExample row) {
      return row.jpeg().length + row.views().stream().mapToLong(view -> view.codes().length).sum();
    }

    @Override
    public Shard write(ShardFolder folder, String file, Iterable<MimExample> rows)
        throws IOException {
      return ShardFile.write(folder, file, metadata, rowGroupBytes, rows);
    }

    @Override
    public ShardManifest manifest(List<Shard> shards) {
      return ShardManifest.of(metadata, shards);
    }
  }
}
