package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.shard.FeatureMetadata.Vector;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.parquet.conf.ParquetConfiguration;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.api.WriteSupport;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.io.api.RecordConsumer;

/** Writes rows of features without an object for each number. */
final class FeatureWriter extends WriteSupport<FeatureRow> {
  private final FeatureMetadata metadata;
  private RecordConsumer out;

  private FeatureWriter(FeatureMetadata metadata) {
    this.metadata = metadata;
  }

  /** A writer with one row group in memory; the caller closes it. */
  static ParquetWriter<FeatureRow> open(
      OutputFile file, FeatureMetadata metadata, long rowGroupBytes) throws IOException {
    Builder builder =
        new Builder(file, metadata)
            .withConf(new PlainParquetConfiguration())
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .withRowGroupSize(rowGroupBytes)
            // Rows may be large, so check the size from the first one, not after a hundred.
            .withMinRowCountForPageSizeCheck(1);
    for (Vector vector : metadata.vectors()) {
      // Features cannot be compressed, and neither their values nor their order mean anything.
      String column = FeatureColumns.path(vector.name());
      builder
          .withCompressionCodec(column, CompressionCodecName.UNCOMPRESSED)
          .withDictionaryEncoding(column, false)
          .withStatisticsEnabled(column, false);
    }
    return builder.build();
  }

  private static final class Builder extends ParquetWriter.Builder<FeatureRow, Builder> {
    private final FeatureMetadata metadata;

    Builder(OutputFile file, FeatureMetadata metadata) {
      super(file);
      this.metadata = metadata;
    }

    @Override
    protected Builder self() {
      return this;
    }

    @Override
    protected WriteSupport<FeatureRow> getWriteSupport(Configuration configuration) {
      return new FeatureWriter(metadata);
    }

    @Override
    protected WriteSupport<FeatureRow> getWriteSupport(ParquetConfiguration configuration) {
      return new FeatureWriter(metadata);
    }
  }

  /** The footer's key-values in a fixed order; that of {@code Map.of} differs between JVMs. */
  static Map<String, String> footer(FeatureMetadata metadata) {
    return new TreeMap<>(
        Map.of(
            ArrowSchema.KEY,
            ArrowSchema.of(metadata),
            "backboneDigest",
            metadata.backboneDigest(),
            "seed",
            Long.toString(metadata.seed())));
  }

  @Override
  public WriteContext init(Configuration configuration) {
    return context();
  }

  @Override
  public WriteContext init(ParquetConfiguration configuration) {
    return context();
  }

  private WriteContext context() {
    return new WriteContext(FeatureColumns.of(metadata), footer(metadata));
  }

  @Override
  public void prepareForWrite(RecordConsumer consumer) {
    out = consumer;
  }

  @Override
  public void write(FeatureRow row) {
    out.startMessage();
    out.startField(FeatureColumns.KEY, 0);
    out.addBinary(Binary.fromString(row.key()));
    out.endField(FeatureColumns.KEY, 0);
    if (row.label() != null) {
      out.startField(FeatureColumns.LABEL, 1);
      out.addInteger(row.label());
      out.endField(FeatureColumns.LABEL, 1);
    }
    List<Vector> columns = metadata.vectors();
    for (int i = 0; i < columns.size(); i++) {
      out.startField(columns.get(i).name(), 2 + i);
      writeVector(row, columns.get(i), row.vectors().get(i));
      out.endField(columns.get(i).name(), 2 + i);
    }
    out.endMessage();
  }

  private void writeVector(FeatureRow row, Vector column, float[] vector) {
    if (vector.length != column.size()) {
      throw new IllegalArgumentException(
          "%s of %d numbers, not %d".formatted(column.name(), vector.length, column.size()));
    }
    out.startGroup();
    out.startField(FeatureColumns.LIST, 0);
    for (float number : vector) {
      out.startGroup();
      out.startField(FeatureColumns.ELEMENT, 0);
      if (metadata.type() == FeatureType.FLOAT32) {
        out.addFloat(number);
      } else {
        out.addBinary(half(row, column, number));
      }
      out.endField(FeatureColumns.ELEMENT, 0);
      out.endGroup();
    }
    out.endField(FeatureColumns.LIST, 0);
    out.endGroup();
  }

  private static Binary half(FeatureRow row, Vector column, float number) {
    short half = HalfFloat.of(number);
    if (Float.isInfinite(HalfFloat.toFloat(half)) && Float.isFinite(number)) {
      throw new InvalidInputException(
          "%s of %s with %s, which float16 cannot hold".formatted(column.name(), row.key(), number),
          "float32");
    }
    return Binary.fromConstantByteArray(new byte[] {(byte) half, (byte) (half >> 8)});
  }
}
