package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.parquet.BoundedCodecs;
import dev.beit2.io.parquet.UntrustedParquet;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.WriteResult;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import javax.annotation.Nullable;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;
import org.apache.beam.sdk.coders.Coder;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.avro.AvroParquetReader;
import org.apache.parquet.avro.AvroParquetWriter;
import org.apache.parquet.avro.AvroWriteSupport;
import org.apache.parquet.conf.ParquetConfiguration;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;

/**
 * One Parquet file of a set.
 *
 * <p>Every failure to read it is an {@link InvalidInputException} that names the file.
 */
record ShardFile(ShardFolder folder, String file) {
  private static final String WANTED = "the shard that its manifest describes";

  /** A row group: the unit of reading, with its number of rows and its uncompressed size. */
  record RowGroup(ShardFile shard, long start, long end, long rows, long bytes) {
    static final Coder<RowGroup> CODER = Json.coder(RowGroup.class);

    /** Represents all rows of a shard whose footer cannot be read. */
    static RowGroup lost(ShardFile shard, long rows) {
      return new RowGroup(shard, 0, 0, rows, 0);
    }

    boolean isLost() {
      return end == 0;
    }

    Rows open() {
      return shard.new Rows(this);
    }

    List<MimExample> read() {
      List<MimExample> examples = new ArrayList<>();
      try (Rows reader = open()) {
        for (MimExample row = reader.next(); row != null; row = reader.next()) {
          examples.add(row);
        }
      }
      return examples;
    }
  }

  /** The footer of a file. */
  record Footer(Map<String, String> metadata, List<RowGroup> rowGroups) {
    long rows() {
      return rowGroups.stream().mapToLong(RowGroup::rows).sum();
    }
  }

  /** Writes the examples in their order, with one row group in memory. */
  Shard write(ShardMetadata metadata, long rowGroupBytes, Iterable<MimExample> examples)
      throws IOException {
    long[] rows = {0};
    WriteResult written =
        folder
            .file(file)
            .write(
                channel -> {
                  ShardOutput output = new ShardOutput(channel);
                  try (ParquetWriter<GenericRecord> writer =
                      writer(output, metadata, rowGroupBytes)) {
                    for (MimExample example : examples) {
                      writer.write(ShardSchema.toRow(example));
                      rows[0]++;
                    }
                  }
                });
    return new Shard(file, rows[0], written.bytes(), written.crc32cHex());
  }

  private static ParquetWriter<GenericRecord> writer(
      ShardOutput output, ShardMetadata metadata, long rowGroupBytes) throws IOException {
    PlainParquetConfiguration configuration = new PlainParquetConfiguration();
    // Lists as in the Parquet specification, not as in its first Java writer.
    configuration.setBoolean(AvroWriteSupport.WRITE_OLD_LIST_STRUCTURE, false);
    return AvroParquetWriter.<GenericRecord>builder(output)
        .withSchema(ShardSchema.EXAMPLE)
        .withDataModel(GenericData.get())
        .withConf(configuration)
        .withExtraMetaData(footerMetadata(metadata))
        .withCompressionCodec(CompressionCodecName.ZSTD)
        .withCompressionCodec(ShardSchema.JPEG_COLUMN, CompressionCodecName.UNCOMPRESSED)
        .withDictionaryEncoding(ShardSchema.JPEG_COLUMN, false)
        .withDictionaryEncoding(ShardSchema.CODES_COLUMN, false)
        // The minimum JPEG is of no use; its bytes would be in every footer and page index.
        .withStatisticsEnabled(ShardSchema.JPEG_COLUMN, false)
        .withStatisticsEnabled(ShardSchema.CODES_COLUMN, false)
        .withRowGroupSize(rowGroupBytes)
        // Images may be large, so check the size from the first row, not after a hundred.
        .withMinRowCountForPageSizeCheck(1)
        .build();
  }

  /** The footer's key-values in a fixed order; that of {@code Map.of} differs between JVMs. */
  static SortedMap<String, String> footerMetadata(ShardMetadata metadata) {
    return new TreeMap<>(
        Map.of(
            "tokenizerDigest", metadata.tokenizerDigest(),
            "codebookSize", Integer.toString(metadata.codebookSize()),
            "grid", Integer.toString(metadata.grid()),
            "inputSize", Integer.toString(metadata.inputSize()),
            "seed", Long.toString(metadata.seed())));
  }

  /** Reads the footer and checks that it agrees with the manifest. */
  Footer footer(ShardManifest manifest, Shard shard) {
    checkLength(shard.bytes());
    Footer footer = read(shard.bytes());
    if (footer.rows() != shard.rows()) {
      throw differs("rows", footer.rows(), shard.rows());
    }
    footerMetadata(manifest.metadata())
        .forEach(
            (name, wanted) -> {
              String found = footer.metadata().get(name);
              if (!wanted.equals(found)) {
                throw differs(name, found, wanted);
              }
            });
    return footer;
  }

  private void checkLength(long wanted) {
    try {
      long found = folder.file(file).length();
      if (found != wanted) {
        throw differs("bytes", found, wanted);
      }
    } catch (IOException e) {
      throw broken(e);
    }
  }

  /** Reads nothing but the end of the file. */
  private Footer read(long length) {
    ParquetReadOptions options =
        ParquetReadOptions.builder(new PlainParquetConfiguration()).build();
    try {
      return UntrustedParquet.bounded(
          () -> {
            try (ParquetFileReader reader =
                ParquetFileReader.open(new ShardInput(folder, file), options)) {
              List<RowGroup> rowGroups = new ArrayList<>();
              for (BlockMetaData block : reader.getRowGroups()) {
                rowGroups.add(rowGroup(block, length));
              }
              return new Footer(
                  reader.getFileMetaData().getKeyValueMetaData(), List.copyOf(rowGroups));
            }
          });
    } catch (IOException | RuntimeException e) {
      throw broken(e);
    }
  }

  private RowGroup rowGroup(BlockMetaData block, long fileLength) throws IOException {
    long start = block.getStartingPos();
    long end = start + Math.max(1, block.getCompressedSize());
    // Each by itself: their sum may overflow into something that looks right.
    boolean inside =
        block.getColumns().stream()
            .allMatch(column -> column.getTotalSize() >= 0 && column.getTotalSize() <= fileLength);
    if (start < 0 || !inside || end > fileLength || block.getRowCount() < 0) {
      throw new IOException("a footer with a row group outside the file");
    }
    return new RowGroup(this, start, end, block.getRowCount(), block.getTotalByteSize());
  }

  private InvalidInputException broken(Exception e) {
    if (e instanceof InvalidInputException named) {
      return named;
    }
    boolean missing = e instanceof FileNotFoundException;
    String reason = missing ? "missing" : "unreadable (" + UntrustedParquet.reason(e) + ")";
    return new InvalidInputException(named() + reason, WANTED, e);
  }

  private InvalidInputException differs(String what, Object found, Object wanted) {
    return new InvalidInputException(
        String.format("%swith %s %s, not %s", named(), what, found, wanted), WANTED);
  }

  /** The message of an exception about this file, without its path. */
  String reason(InvalidInputException e) {
    return e.found().replace(named(), "");
  }

  private String named() {
    return "shard " + folder.path(file) + " ";
  }

  /** A row that does not fit the manifest. */
  InvalidInputException misfit(MimExample row, String fault) {
    return new InvalidInputException(named() + "with a row " + fault + ", " + row.key(), WANTED);
  }

  /** Iterates over the rows of a row group, which is in memory. */
  final class Rows implements Closeable {
    private final ParquetReader<GenericRecord> reader;
    private final long rows;
    private long read;

    private Rows(RowGroup group) {
      this.rows = group.rows;
      try {
        ParquetConfiguration configuration = new PlainParquetConfiguration();
        this.reader =
            UntrustedParquet.bounded(
                () ->
                    AvroParquetReader.<GenericRecord>builder(
                            new ShardInput(folder, file), configuration)
                        .withDataModel(GenericData.get())
                        .usePageChecksumVerification()
                        .withCodecFactory(new BoundedCodecs())
                        .withFileRange(group.start, group.end)
                        .build());
      } catch (IOException | RuntimeException e) {
        throw broken(e);
      }
    }

    /** The next row, or null at the end. */
    @Nullable
    MimExample next() {
      GenericRecord row;
      try {
        row = UntrustedParquet.bounded(reader::read);
      } catch (IOException | RuntimeException e) {
        throw broken(e);
      }
      if (row == null && read != rows) {
        throw differs("rows of a row group", read, rows);
      }
      if (row == null) {
        return null;
      }
      try {
        read++;
        return ShardSchema.fromRow(row);
      } catch (IllegalArgumentException e) {
        throw broken(
            new IOException("row %d of a row group: %s".formatted(read - 1, e.getMessage()), e));
      }
    }

    @Override
    public void close() {
      try {
        reader.close();
      } catch (IOException e) {
        throw broken(e);
      }
    }
  }
}
