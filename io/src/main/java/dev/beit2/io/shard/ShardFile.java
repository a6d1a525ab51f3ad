package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.Parallel;
import dev.beit2.io.parquet.BoundedCodecs;
import dev.beit2.io.parquet.FileParts;
import dev.beit2.io.parquet.UntrustedParquet;
import dev.beit2.io.shard.ShardManifest.RowGroup;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.WriteResult;
import java.io.Closeable;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Consumer;
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
 * A Parquet file of a set, as its manifest lists it.
 *
 * <p>Every failure to read it is an {@link InvalidInputException} that names the file.
 */
record ShardFile(ShardFolder folder, Shard listed) {
  private static final String WANTED = "the shard that its manifest describes";

  /** A row group of a shard, for pipelines. */
  record Part(ShardFile shard, RowGroup group) {
    static final Coder<Part> CODER = Json.coder(Part.class);
  }

  String file() {
    return listed.file();
  }

  /** Writes the examples in their order, with one row group in memory. */
  static Shard write(
      ShardFolder folder,
      String file,
      ShardMetadata metadata,
      long rowGroupBytes,
      Iterable<MimExample> examples)
      throws IOException {
    List<RowGroup> rowGroups = new ArrayList<>();
    WriteResult written =
        folder
            .file(file)
            .write(
                channel -> {
                  ShardOutput output = new ShardOutput(channel);
                  ParquetWriter<GenericRecord> writer = writer(output, metadata, rowGroupBytes);
                  try (writer) {
                    for (MimExample example : examples) {
                      writer.write(ShardSchema.toRow(example));
                    }
                  }
                  writer.getFooter().getBlocks().forEach(b -> rowGroups.add(rowGroup(b)));
                });
    long rows = rowGroups.stream().mapToLong(RowGroup::rows).sum();
    return new Shard(file, rows, written.bytes(), written.crc32cHex(), rowGroups);
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

  /**
   * The row groups of a shard, or why they cannot be read.
   *
   * @param failure null if there is none
   */
  record Footer(
      ShardFile shard, List<RowGroup> rowGroups, @Nullable InvalidInputException failure) {}

  /**
   * Reads the row groups of all shards, several at once, in one request each.
   *
   * @param done called with each shard, from any thread
   */
  static List<Footer> footers(ShardFolder folder, ShardManifest manifest, Consumer<Shard> done) {
    ShardMetadata metadata = manifest.metadata();
    try {
      return Parallel.map(
          manifest.shards(),
          listed -> {
            Footer footer = new ShardFile(folder, listed).footer(metadata);
            done.accept(listed);
            return footer;
          });
    } catch (IOException e) {
      throw new IllegalStateException("a shard throws only what names it", e);
    }
  }

  private Footer footer(ShardMetadata metadata) {
    try {
      return new Footer(this, open(metadata).rowGroups(), null);
    } catch (InvalidInputException e) {
      return new Footer(this, List.of(), e);
    }
  }

  /** Reads the end of the file, in one request, and checks that it is the one that is listed. */
  Opened open(ShardMetadata metadata) {
    Opened opened = open();
    long rows = opened.rowGroups().stream().mapToLong(RowGroup::rows).sum();
    if (rows != listed.rows()) {
      throw differs("rows", rows, listed.rows());
    }
    if (listed.rowGroups() != null && !listed.rowGroups().equals(opened.rowGroups())) {
      throw differs("row groups", opened.rowGroups(), listed.rowGroups());
    }
    footerMetadata(metadata)
        .forEach(
            (name, wanted) -> {
              String found = opened.metadata().get(name);
              if (!wanted.equals(found)) {
                throw differs(name, found, wanted);
              }
            });
    return opened;
  }

  private Opened open() {
    ParquetReadOptions options =
        ParquetReadOptions.builder(new PlainParquetConfiguration()).build();
    try {
      FileParts parts = FileParts.end(folder.file(file()), listed.bytes());
      return UntrustedParquet.bounded(
          () -> {
            try (ParquetFileReader reader = ParquetFileReader.open(parts, options)) {
              List<RowGroup> rowGroups = new ArrayList<>();
              for (BlockMetaData block : reader.getRowGroups()) {
                requireInside(block, listed.bytes());
                rowGroups.add(rowGroup(block));
              }
              Map<String, String> metadata = reader.getFileMetaData().getKeyValueMetaData();
              return new Opened(this, parts, metadata, List.copyOf(rowGroups));
            }
          });
    } catch (FileParts.OtherLengthException e) {
      throw ofAnotherLength(e);
    } catch (IOException | RuntimeException e) {
      throw broken(e);
    }
  }

  private static RowGroup rowGroup(BlockMetaData block) {
    return new RowGroup(
        block.getRowCount(),
        block.getStartingPos(),
        Math.max(1, block.getCompressedSize()),
        block.getTotalByteSize());
  }

  private static void requireInside(BlockMetaData block, long fileLength) throws IOException {
    // Each by itself: their sum may overflow into something that looks right.
    boolean inside =
        block.getColumns().stream()
            .allMatch(column -> column.getTotalSize() >= 0 && column.getTotalSize() <= fileLength);
    RowGroup group = rowGroup(block);
    if (group.start() < 0 || !inside || group.end() > fileLength || group.rows() < 0) {
      throw new IOException("a footer with a row group outside the file");
    }
  }

  private InvalidInputException ofAnotherLength(IOException e) {
    try {
      return differs("bytes", folder.file(file()).length(), listed.bytes());
    } catch (IOException unknown) {
      e.addSuppressed(unknown);
      return broken(e);
    }
  }

  /**
   * A shard whose end is in memory.
   *
   * @param metadata of the footer
   * @param rowGroups of the footer
   */
  record Opened(
      ShardFile file, FileParts parts, Map<String, String> metadata, List<RowGroup> rowGroups) {
    /** Reads a row group, in one request, but not yet its rows. */
    Fetched fetch(RowGroup group) {
      try {
        return new Fetched(file, parts.withRowGroup(group.start(), group.end()), group);
      } catch (IOException | RuntimeException e) {
        throw file.broken(e);
      }
    }
  }

  /** A row group whose bytes are in memory. */
  record Fetched(ShardFile file, FileParts parts, RowGroup group) {
    Rows rows() {
      return file.new Rows(parts, group);
    }

    List<MimExample> read() {
      List<MimExample> examples = new ArrayList<>();
      try (Rows reader = rows()) {
        for (MimExample row = reader.next(); row != null; row = reader.next()) {
          examples.add(row);
        }
      }
      return examples;
    }
  }

  private InvalidInputException broken(Exception e) {
    if (e instanceof InvalidInputException named) {
      return named;
    }
    boolean missing = e instanceof FileNotFoundException || e instanceof NoSuchFileException;
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
    return "shard " + folder.path(file()) + " ";
  }

  /** A row that does not fit the manifest. */
  InvalidInputException misfit(MimExample row, String fault) {
    return new InvalidInputException(named() + "with a row " + fault + ", " + row.key(), WANTED);
  }

  /** Iterates over the rows of a row group. */
  final class Rows implements Closeable {
    private final ParquetReader<GenericRecord> reader;
    private final long rows;
    private long read;

    private Rows(FileParts parts, RowGroup group) {
      this.rows = group.rows();
      try {
        ParquetConfiguration configuration = new PlainParquetConfiguration();
        this.reader =
            UntrustedParquet.bounded(
                () ->
                    AvroParquetReader.<GenericRecord>builder(parts, configuration)
                        .withDataModel(GenericData.get())
                        .usePageChecksumVerification()
                        .withCodecFactory(new BoundedCodecs())
                        .withFileRange(group.start(), group.end())
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
