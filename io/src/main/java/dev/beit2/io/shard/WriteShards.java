package dev.beit2.io.shard;

import dev.beit2.io.Json;
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
 * Writes rows of any kind as a set of shards; see {@link MimShardIO}. The output is the manifest,
 * once it is written.
 */
final class WriteShards<T, M> extends PTransform<PCollection<T>, PCollection<M>> {
  private static final long serialVersionUID = 1L;

  private final String directory;
  private final ShardFormat<T, M> format;
  private final long shardBytes;
  private final int shardCount; // 0: shardBytes determines it
  private final transient List<PCollection<?>> before;

  /**
   * @param before the manifest is written only after these are complete
   */
  WriteShards(
      String directory,
      ShardFormat<T, M> format,
      long shardBytes,
      int shardCount,
      List<PCollection<?>> before) {
    this.directory = directory;
    this.format = format;
    this.shardBytes = shardBytes;
    this.shardCount = shardCount;
    this.before = before;
  }

  @Override
  public PCollection<M> expand(PCollection<T> rows) {
    PCollection<Integer> plan =
        rows.apply("MeasureExamples", ParDo.of(new MeasureFn<>(format)))
            .apply("SumBytes", Sum.longsGlobally())
            .apply("PlanShards", ParDo.of(new PlanFn(directory, shardBytes, shardCount)));
    PCollectionView<Integer> planned = plan.apply("ShardCount", View.asSingleton());
    PCollectionView<List<Shard>> shards =
        rows.apply("AssignShard", ParDo.of(new AssignFn<>(format, planned)).withSideInputs(planned))
            .setCoder(KvCoder.of(StringUtf8Coder.of(), format.rowCoder()))
            .apply("GroupByShard", GroupByKey.create())
            // No side inputs: with them Flink would pass each group, a whole shard, as one record.
            .apply("WriteShard", ParDo.of(new WriteShardFn<>(directory, format)))
            .setCoder(Shard.CODER)
            .apply("Shards", View.asList());
    // Depends on the plan, so that the old manifest is deleted first even if there are no shards.
    return (before.isEmpty() ? plan : plan.apply("AfterOthers", Wait.on(before)))
        .apply(
            "WriteManifest",
            ParDo.of(new WriteManifestFn<>(directory, format, shards)).withSideInputs(shards))
        .setCoder(format.manifestCoder());
  }

  private static final class MeasureFn<T> extends DoFn<T, Long> {
    private static final long serialVersionUID = 1L;

    private final ShardFormat<T, ?> format;

    MeasureFn(ShardFormat<T, ?> format) {
      this.format = format;
    }

    @ProcessElement
    public void processElement(@Element T row, OutputReceiver<Long> bytes) {
      bytes.output(format.bytes(row));
    }
  }

  /** Runs before any shard is written, because all need their number; deletes an old manifest. */
  private static final class PlanFn extends DoFn<Long, Integer> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final long shardBytes;
    private final int shardCount;

    PlanFn(String directory, long shardBytes, int shardCount) {
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

  /** Keys each row by the file name of its shard. */
  private static final class AssignFn<T> extends DoFn<T, KV<String, T>> {
    private static final long serialVersionUID = 1L;

    private final ShardFormat<T, ?> format;
    private final PCollectionView<Integer> shardCount;

    AssignFn(ShardFormat<T, ?> format, PCollectionView<Integer> shardCount) {
      this.format = format;
      this.shardCount = shardCount;
    }

    @ProcessElement
    public void processElement(ProcessContext context) {
      T row = context.element();
      int count = context.sideInput(shardCount);
      int index = ShardName.indexOf(format.seed(), format.key(row), count);
      context.output(KV.of(new ShardName(index, count).file(), row));
    }
  }

  private static final class WriteShardFn<T> extends DoFn<KV<String, Iterable<T>>, Shard> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final ShardFormat<T, ?> format;

    WriteShardFn(String directory, ShardFormat<T, ?> format) {
      this.directory = directory;
      this.format = format;
    }

    @ProcessElement
    public void processElement(@Element KV<String, Iterable<T>> rows, OutputReceiver<Shard> shards)
        throws IOException {
      try (ShardSpool<T> spool = new ShardSpool<>(format)) {
        for (T row : rows.getValue()) { // iterate once: the group may not fit in memory
          spool.add(row);
        }
        shards.output(format.write(new ShardFolder(directory), rows.getKey(), spool.inOrder()));
      }
    }
  }

  private static final class WriteManifestFn<M> extends DoFn<Integer, M> {
    private static final long serialVersionUID = 1L;

    private final String directory;
    private final ShardFormat<?, M> format;
    private final PCollectionView<List<Shard>> shards;

    WriteManifestFn(
        String directory, ShardFormat<?, M> format, PCollectionView<List<Shard>> shards) {
      this.directory = directory;
      this.format = format;
      this.shards = shards;
    }

    @ProcessElement
    public void processElement(ProcessContext context) throws IOException {
      List<Shard> sorted =
          context.sideInput(shards).stream().sorted(Comparator.comparing(Shard::file)).toList();
      M manifest = format.manifest(sorted);
      ShardFolder folder = new ShardFolder(directory);
      folder.deleteAllBut(sorted.stream().map(Shard::file).collect(Collectors.toSet()));
      folder.file(ShardManifest.FILE).commit(Json.pretty(manifest));
      context.output(manifest);
    }
  }
}
