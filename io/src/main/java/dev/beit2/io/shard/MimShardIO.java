package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Sum;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.transforms.Wait;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionView;

/**
 * Writes examples as Parquet shards with a manifest.
 *
 * <pre>{@code
 * PCollection<ShardManifest> manifest =
 *     examples.apply("WriteShards", MimShardIO.write(output, metadata).withShardMegabytes(256));
 * }</pre>
 *
 * <p>The files are a pure function of the set of examples: an example's shard and its place in it
 * follow from (seed, key), however often and in which order the runner brings it. Files appear
 * whole or not at all, the manifest last, so a folder without manifest is not a dataset. A manifest
 * that lies there is taken away before the first shard is written; other shards, and what killed
 * starts left, before the new manifest is.
 *
 * <p>The pipeline fails with {@link dev.beit2.io.InvalidInputException} where two examples have one
 * key.
 */
public final class MimShardIO {
  private static final int DEFAULT_SHARD_MEGABYTES = 256;

  /** What a writer and a reader hold in memory of a shard. */
  private static final int ROW_GROUP_MEGABYTES = 32;

  private static final long MEGABYTE = 1 << 20;

  private MimShardIO() {}

  /** Writes to a folder, which is made where it is missing. */
  public static Write write(String directory, ShardMetadata metadata) {
    return new Write(
        directory,
        metadata,
        DEFAULT_SHARD_MEGABYTES * MEGABYTE,
        0,
        ROW_GROUP_MEGABYTES * MEGABYTE,
        List.of());
  }

  /** See {@link MimShardIO#write}; the output is the one manifest that was written. */
  public static final class Write
      extends PTransform<PCollection<MimExample>, PCollection<ShardManifest>> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final ShardMetadata metadata;
    private final long shardBytes;
    private final int shardCount; // 0: as many as their size asks for
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

    /** The size that shards come close to; 256 unless told. */
    public Write withShardMegabytes(int megabytes) {
      return withShardBytes(megabytes * MEGABYTE);
    }

    /**
     * This many shards, whatever their size. One that gets no row has no file: with few images the
     * set may have fewer.
     */
    public Write withShardCount(int count) {
      if (count < 1) {
        throw new IllegalArgumentException("count is " + count + ", must be positive");
      }
      return new Write(directory, metadata, shardBytes, count, rowGroupBytes, before);
    }

    /** The manifest is written once these are complete, so that it stands for them as well. */
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
      PCollection<Integer> plan =
          examples
              .apply("MeasureExamples", ParDo.of(new MeasureExample()))
              .apply("SumBytes", Sum.longsGlobally())
              .apply("PlanShards", ParDo.of(new PlanShards(directory, shardBytes, shardCount)));
      PCollectionView<Integer> planned = plan.apply("ShardCount", View.asSingleton());
      PCollectionView<List<Shard>> shards =
          examples
              .apply(
                  "AssignShard",
                  ParDo.of(new AssignShard(metadata.seed(), planned)).withSideInputs(planned))
              .setCoder(KvCoder.of(StringUtf8Coder.of(), MimExampleCoder.of()))
              .apply("GroupByShard", GroupByKey.create())
              // Without side inputs: Flink would hand it each group, a whole shard, in one record.
              .apply("WriteShard", ParDo.of(new WriteShard(directory, metadata, rowGroupBytes)))
              .setCoder(new ShardCoder())
              .apply("Shards", View.asList());
      // Follows from the plan, so that even without any shard the old manifest goes before.
      return (before.isEmpty() ? plan : plan.apply("AfterOthers", Wait.on(before)))
          .apply(
              "WriteManifest",
              ParDo.of(new WriteManifest(directory, metadata, shards)).withSideInputs(shards));
    }
  }

  private static final class MeasureExample extends DoFn<MimExample, Long> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(@Element MimExample example, OutputReceiver<Long> bytes) {
      long codes = example.views().stream().mapToLong(view -> view.codes().length).sum();
      bytes.output(example.jpeg().length + codes);
    }
  }

  /** Comes before every shard, as their number does, so here an old manifest goes. */
  private static final class PlanShards extends DoFn<Long, Integer> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final long shardBytes;
    private final int shardCount;

    PlanShards(String directory, long shardBytes, int shardCount) {
      this.directory = directory;
      this.shardBytes = shardBytes;
      this.shardCount = shardCount;
    }

    @ProcessElement
    public void processElement(@Element Long bytes, OutputReceiver<Integer> planned)
        throws IOException {
      new ShardFolder(directory).file(ShardManifest.FILE).deleteIfExists();
      long bySize = Math.max(1, (bytes + shardBytes - 1) / shardBytes);
      planned.output(shardCount > 0 ? shardCount : Math.toIntExact(bySize));
    }
  }

  /** Keys are the shards' files. */
  private static final class AssignShard extends DoFn<MimExample, KV<String, MimExample>> {
    private static final long serialVersionUID = 1L;

    private final long seed;
    private final PCollectionView<Integer> shardCount;

    AssignShard(long seed, PCollectionView<Integer> shardCount) {
      this.seed = seed;
      this.shardCount = shardCount;
    }

    @ProcessElement
    public void processElement(ProcessContext context) {
      MimExample example = context.element();
      int count = context.sideInput(shardCount);
      int index = ShardName.indexOf(seed, example.key(), count);
      context.output(KV.of(new ShardName(index, count).file(), example));
    }
  }

  private static final class WriteShard extends DoFn<KV<String, Iterable<MimExample>>, Shard> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final ShardMetadata metadata;
    private final long rowGroupBytes;

    WriteShard(String directory, ShardMetadata metadata, long rowGroupBytes) {
      this.directory = directory;
      this.metadata = metadata;
      this.rowGroupBytes = rowGroupBytes;
    }

    @ProcessElement
    public void processElement(
        @Element KV<String, Iterable<MimExample>> examples, OutputReceiver<Shard> shards)
        throws IOException {
      try (ShardSpool spool = new ShardSpool(metadata.seed())) {
        for (MimExample example : examples.getValue()) { // once: it may not fit in memory
          spool.add(example);
        }
        ShardFile file = new ShardFile(new ShardFolder(directory), examples.getKey());
        shards.output(file.write(metadata, rowGroupBytes, spool.inOrder()));
      }
    }
  }

  private static final class WriteManifest extends DoFn<Integer, ShardManifest> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final ShardMetadata metadata;
    private final PCollectionView<List<Shard>> shards;

    WriteManifest(String directory, ShardMetadata metadata, PCollectionView<List<Shard>> shards) {
      this.directory = directory;
      this.metadata = metadata;
      this.shards = shards;
    }

    @ProcessElement
    public void processElement(ProcessContext context) throws IOException {
      List<Shard> sorted =
          context.sideInput(shards).stream().sorted(Comparator.comparing(Shard::file)).toList();
      ShardManifest manifest = ShardManifest.of(metadata, sorted);
      ShardFolder folder = new ShardFolder(directory);
      folder.deleteAllBut(sorted.stream().map(Shard::file).collect(Collectors.toSet()));
      folder.file(ShardManifest.FILE).commit(manifest.toJson() + "\n");
      context.output(manifest);
    }
  }
}
