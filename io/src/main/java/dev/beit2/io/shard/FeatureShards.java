package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.parquet.BoundedCodecs;
import dev.beit2.io.parquet.UntrustedParquet;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.ColumnReader;
import org.apache.parquet.column.impl.ColumnReadStoreImpl;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.DummyRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.schema.MessageType;

/**
 * Reads sets of features, a row group at a time.
 *
 * <pre>{@code
 * FeatureShards shards = FeatureShards.open("gs://bucket/features");
 * for (FeatureShards.Group group : shards.groups()) {
 *   FeatureShards.Rows rows = shards.read(group, List.of("cls"));
 * }
 * }</pre>
 *
 * <p>Opening reads the manifest and the footers. It keeps no file open and holds no data, so many
 * threads may share it.
 *
 * <p>Every failure is an {@link InvalidInputException} that names the file.
 */
public final class FeatureShards {
  /** The label of a row without one. */
  public static final int NO_LABEL = -1;

  private static final String WANTED = "the features that its manifest describes";

  private final ShardFolder folder;
  private final FeatureManifest manifest;
  private final List<Group> groups = new ArrayList<>();

  /**
   * A row group: the unit of reading.
   *
   * @param file of its shard
   * @param ordinal in that file
   * @param first number of its first row among all rows of the set, in the manifest's order
   * @param rows at least 1
   */
  public record Group(String file, int ordinal, long first, int rows) {}

  /**
   * The rows of a group.
   *
   * @param first number of the first row in the set
   * @param keys of the rows
   * @param labels of the rows; {@link #NO_LABEL} where there is none
   * @param vectors by name, [rows · size]; all finite
   */
  @SuppressWarnings("ArrayRecordComponent") // megabytes, read once
  public record Rows(long first, String[] keys, int[] labels, Map<String, float[]> vectors) {
    public int count() {
      return keys.length;
    }
  }

  private FeatureShards(String directory) {
    this.folder = new ShardFolder(directory);
    this.manifest = FeatureManifest.read(directory);
    long first = 0;
    for (Shard shard : manifest.shards()) {
      List<Integer> rows = rowGroups(shard);
      for (int i = 0; i < rows.size(); i++) {
        groups.add(new Group(shard.file(), i, first, rows.get(i)));
        first += rows.get(i);
      }
    }
  }

  /** Opens the features in a folder. */
  public static FeatureShards open(String directory) {
    return new FeatureShards(directory);
  }

  public FeatureManifest manifest() {
    return manifest;
  }

  /** The row groups, in the order of their rows. */
  public List<Group> groups() {
    return List.copyOf(groups);
  }

  /** The number of rows in each row group of a shard. */
  private List<Integer> rowGroups(Shard shard) {
    try {
      long length = folder.file(shard.file()).length();
      if (length != shard.bytes()) {
        throw invalid(shard.file(), "with bytes %d, not %d".formatted(length, shard.bytes()), null);
      }
      List<Integer> rows =
          UntrustedParquet.bounded(
              () -> {
                try (ParquetFileReader reader = reader(shard.file())) {
                  List<Integer> counts = new ArrayList<>();
                  for (BlockMetaData block : reader.getRowGroups()) {
                    counts.add(Math.toIntExact(block.getRowCount()));
                  }
                  return counts;
                }
              });
      long total = rows.stream().mapToLong(Integer::longValue).sum();
      if (total != shard.rows() || rows.stream().anyMatch(count -> count < 1)) {
        throw invalid(shard.file(), "with rows %d, not %d".formatted(total, shard.rows()), null);
      }
      return rows;
    } catch (IOException | RuntimeException e) {
      throw broken(shard.file(), e);
    }
  }

  private ParquetFileReader reader(String file) throws IOException {
    ParquetReadOptions options =
        ParquetReadOptions.builder(new PlainParquetConfiguration())
            .usePageChecksumVerification(true)
            .withCodecFactory(new BoundedCodecs())
            .build();
    return ParquetFileReader.open(new ShardInput(folder, file), options);
  }

  /**
   * Reads a row group.
   *
   * @param vectors names of the vectors to read; only their bytes are read
   */
  public Rows read(Group group, List<String> vectors) {
    for (String vector : vectors) {
      if (manifest.size(vector) == 0) {
        throw new IllegalArgumentException("no vector " + vector + " in " + folder.directory());
      }
    }
    try {
      return UntrustedParquet.bounded(() -> readColumns(group, vectors));
    } catch (IOException | RuntimeException e) {
      throw broken(group.file(), e);
    }
  }

  private Rows readColumns(Group group, List<String> vectors) throws IOException {
    MessageType wanted = FeatureColumns.of(manifest.metadata(), vectors);
    try (ParquetFileReader reader = reader(group.file())) {
      reader.getFileMetaData().getSchema().checkContains(wanted);
      reader.setRequestedSchema(wanted);
      try (PageReadStore pages = reader.readRowGroup(group.ordinal())) {
        ColumnReadStoreImpl columns =
            new ColumnReadStoreImpl(
                pages,
                new DummyRecordConverter(wanted).getRootConverter(),
                wanted,
                reader.getFileMetaData().getCreatedBy());
        String[] keys = new String[group.rows()];
        int[] labels = new int[group.rows()];
        ColumnReader key = column(columns, wanted, FeatureColumns.KEY);
        ColumnReader label = column(columns, wanted, FeatureColumns.LABEL);
        requireCount(key, group.rows());
        requireCount(label, group.rows());
        for (int i = 0; i < group.rows(); i++, key.consume(), label.consume()) {
          keys[i] = key.getBinary().toStringUsingUTF8();
          labels[i] = label.getCurrentDefinitionLevel() == 0 ? NO_LABEL : label.getInteger();
        }
        Map<String, float[]> read = new LinkedHashMap<>();
        for (String vector : vectors) {
          ColumnReader numbers =
              column(columns, wanted, vector, FeatureColumns.LIST, FeatureColumns.ELEMENT);
          read.put(vector, numbers(numbers, group.rows(), manifest.size(vector), keys));
        }
        return new Rows(group.first(), keys, labels, read);
      }
    }
  }

  private static ColumnReader column(
      ColumnReadStoreImpl columns, MessageType schema, String... path) {
    return columns.getColumnReader(schema.getColumnDescription(path));
  }

  private static void requireCount(ColumnReader column, long wanted) throws IOException {
    if (column.getTotalValueCount() != wanted) {
      throw new IOException(
          "%d values of %s, not %d"
              .formatted(column.getTotalValueCount(), column.getDescriptor().getPath()[0], wanted));
    }
  }

  private float[] numbers(ColumnReader column, int rows, int size, String[] keys)
      throws IOException {
    requireCount(column, (long) rows * size);
    boolean half = manifest.metadata().type() == FeatureType.FLOAT16;
    float[] numbers = new float[Math.multiplyExact(rows, size)];
    for (int i = 0; i < numbers.length; i++, column.consume()) {
      int repetition = i % size == 0 ? 0 : 1;
      if (column.getCurrentRepetitionLevel() != repetition
          || column.getCurrentDefinitionLevel() != 1) {
        throw new IOException("a vector of another length than " + size);
      }
      numbers[i] = half ? half(column) : column.getFloat();
      if (!Float.isFinite(numbers[i])) {
        throw new IOException(
            "a number that is not finite in "
                + column.getDescriptor().getPath()[0]
                + " of "
                + keys[i / size]);
      }
    }
    return numbers;
  }

  private static float half(ColumnReader column) {
    byte[] bytes = column.getBinary().getBytesUnsafe();
    return HalfFloat.toFloat((short) (bytes[0] & 0xff | bytes[1] << 8));
  }

  private InvalidInputException broken(String file, Exception e) {
    return e instanceof InvalidInputException named
        ? named
        : invalid(file, "unreadable (" + UntrustedParquet.reason(e) + ")", e);
  }

  private InvalidInputException invalid(String file, String what, Exception cause) {
    return new InvalidInputException("shard " + folder.path(file) + " " + what, WANTED, cause);
  }
}
