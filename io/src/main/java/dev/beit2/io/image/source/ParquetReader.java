package dev.beit2.io.image.source;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.parquet.BoundedCodecs;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import javax.annotation.Nullable;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.io.ColumnIOFactory;
import org.apache.parquet.io.RecordReader;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName;
import org.apache.parquet.schema.Type;

/**
 * Reads Parquet as Hugging Face writes it: a column {@code image} of {@code bytes} and {@code
 * path}, and an optional integer column {@code label}. Class names are in the footer under {@code
 * huggingface}. A partition is a row group, which is held in memory, still compressed, while it is
 * read.
 */
final class ParquetReader implements FormatReader {
  private static final String IMAGE = "image";
  private static final String BYTES = "bytes";
  private static final String PATH = "path";
  private static final String LABEL = "label";
  private static final String WANTED = "Parquet with image {bytes, path} and label";
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ImageSource source;

  ParquetReader(ImageSource source) {
    this.source = source;
  }

  /**
   * A row group.
   *
   * @param rows how many
   * @param bytes of the columns that are read, unpacked
   */
  record RowGroup(SourcePartition partition, long rows, long bytes) {}

  /** The footer of a file, or the reason why it cannot be read. */
  private record Footer(
      List<RowGroup> rowGroups,
      List<String> classes,
      boolean labelled,
      @Nullable RejectedImage broken) {}

  /** The files' footers, read by several threads because each takes a few requests. */
  private List<Footer> footers() {
    List<SourcePartition> files =
        ArchiveFiles.list(source.path(), name -> name.endsWith(".parquet"), "Parquet files");
    List<Footer> footers = Parallel.map(files, ParquetReader::footer);
    if (footers.stream().allMatch(footer -> footer.broken() != null)) {
      throw new InvalidInputException(
          files.get(0).file() + " unreadable (" + footers.get(0).broken().reason() + ")", WANTED);
    }
    return footers;
  }

  /** The contents of the footers. */
  record Contents(Listing listing, List<RowGroup> rowGroups) {}

  @Override
  public Listing list() {
    return contents().listing();
  }

  Contents contents() {
    List<Footer> footers = footers();
    List<RejectedImage> rejected = new ArrayList<>();
    List<RowGroup> rowGroups = new ArrayList<>();
    for (Footer footer : footers) {
      if (footer.broken() != null) {
        rejected.add(footer.broken());
      }
      rowGroups.addAll(footer.rowGroups());
    }
    List<String> classes =
        footers.stream()
            .map(Footer::classes)
            .filter(names -> !names.isEmpty())
            .findFirst()
            .orElse(List.of());
    boolean labelled = footers.stream().anyMatch(Footer::labelled);
    Listing listing =
        new Listing(
            rowGroups.stream().map(RowGroup::partition).toList(),
            rejected,
            classes,
            OptionalLong.of(rowGroups.stream().mapToLong(RowGroup::rows).sum()),
            labelled
                ? null
                : "images without labels, as there is no column " + LABEL + " in " + source.path());
    return new Contents(listing, rowGroups);
  }

  private static Footer footer(SourcePartition file) throws IOException {
    try (ParquetFileReader reader = open(file, 0, Long.MAX_VALUE)) {
      MessageType schema = reader.getFileMetaData().getSchema();
      MessageType columns = columns(file, schema);
      List<RowGroup> groups = new ArrayList<>();
      for (BlockMetaData group : reader.getRowGroups()) {
        groups.add(rowGroup(file, group));
      }
      String json = reader.getFileMetaData().getKeyValueMetaData().get("huggingface");
      return new Footer(groups, classes(json), columns.containsField(LABEL), null);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (InvalidInputException e) {
      throw e;
    } catch (IOException | RuntimeException e) {
      String reason = "no footer of a Parquet file: " + e.getMessage();
      return new Footer(List.of(), List.of(), false, new RejectedImage(file.name(), reason));
    }
  }

  private static ParquetFileReader open(SourcePartition partition, long start, long end)
      throws IOException {
    ParquetReadOptions options =
        ParquetReadOptions.builder(new PlainParquetConfiguration())
            .withRange(start, end)
            .usePageChecksumVerification()
            .withCodecFactory(new BoundedCodecs())
            .build();
    return ParquetFileReader.open(new ParquetInput(partition.file()), options);
  }

  private static RowGroup rowGroup(SourcePartition file, BlockMetaData group) {
    long start = group.getStartingPos();
    long end = start + Math.max(1, group.getCompressedSize());
    long unpacked =
        group.getColumns().stream()
            .filter(column -> column.getPath().toArray()[0].equals(IMAGE))
            .mapToLong(column -> column.getTotalUncompressedSize())
            .sum();
    SourcePartition partition =
        new SourcePartition(file.name(), file.file(), start, end, null, false);
    return new RowGroup(partition, group.getRowCount(), unpacked);
  }

  /** The columns that are read. */
  private static MessageType columns(SourcePartition file, MessageType schema) {
    List<Type> columns = new ArrayList<>();
    if (schema.containsField(IMAGE) && !schema.getType(IMAGE).isPrimitive()) {
      GroupType image = schema.getType(IMAGE).asGroupType();
      List<Type> fields =
          image.getFields().stream()
              .filter(field -> field.getName().equals(BYTES) || field.getName().equals(PATH))
              .filter(field -> isBinary(field))
              .toList();
      if (fields.stream().anyMatch(field -> field.getName().equals(BYTES))) {
        columns.add(image.withNewFields(fields));
      }
    }
    if (columns.isEmpty()) {
      List<String> names = schema.getFields().stream().map(Type::getName).toList();
      throw new InvalidInputException(
          file.file() + " with the columns " + String.join(", ", names), WANTED);
    }
    if (schema.containsField(LABEL) && isInteger(schema.getType(LABEL))) {
      columns.add(schema.getType(LABEL));
    }
    return new MessageType(schema.getName(), columns);
  }

  private static boolean isBinary(Type type) {
    return type.isPrimitive()
        && type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.BINARY;
  }

  private static boolean isInteger(Type type) {
    return type.isPrimitive()
        && !type.isRepetition(Type.Repetition.REPEATED)
        && (type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.INT32
            || type.asPrimitiveType().getPrimitiveTypeName() == PrimitiveTypeName.INT64);
  }

  private static List<String> classes(@Nullable String json) throws IOException {
    List<String> classes = new ArrayList<>();
    if (json != null) {
      JsonNode names = JSON.readTree(json).path("info").path("features").path(LABEL).path("names");
      names.forEach(name -> classes.add(name.asText()));
    }
    return classes;
  }

  /** Images in a row group have no positions, so their bytes are always read. */
  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    long position = 0;
    try (ParquetFileReader reader = open(partition, partition.start(), partition.end())) {
      MessageType schema = reader.getFileMetaData().getSchema();
      MessageType columns = columns(partition, schema);
      reader.setRequestedSchema(columns);
      for (BlockMetaData group : reader.getRowGroups()) {
        position = group.getRowIndexOffset();
        requireRoom(partition, group);
        PageReadStore pages = reader.readNextRowGroup();
        RecordReader<Group> rows =
            new ColumnIOFactory()
                .getColumnIO(columns, schema)
                .getRecordReader(pages, new GroupRecordConverter(columns));
        for (long i = 0; i < pages.getRowCount(); i++, position++) {
          row(partition, position, rows.read(), sink);
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (InvalidInputException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // what Parquet makes of nonsense
      sink.rejected(
          new RejectedImage(
              partition.name(),
              "at row " + position + ": unreadable row group: " + e.getMessage()));
    }
  }

  /** A clear error now is better than an OutOfMemoryError later. */
  private static void requireRoom(SourcePartition partition, BlockMetaData group) {
    long bytes =
        group.getColumns().stream()
            .filter(column -> column.getPath().toArray()[0].equals(IMAGE))
            .mapToLong(column -> column.getTotalSize())
            .sum();
    long heap = Runtime.getRuntime().maxMemory();
    if (bytes > heap / 2) {
      throw new InvalidInputException(
          "a row group of %d MB in %s and a Java heap of %d MB"
              .formatted(bytes >> 20, partition.file(), heap >> 20),
          "a heap of at least twice the row group, or smaller row groups");
    }
  }

  private void row(SourcePartition partition, long position, Group row, ImageSink sink) {
    Group image = row.getFieldRepetitionCount(IMAGE) == 0 ? null : row.getGroup(IMAGE, 0);
    boolean named = image != null && image.getType().containsField(PATH) && has(image, PATH);
    String key = ImageKey.of(named ? image.getString(PATH, 0) : null, partition.name(), position);
    if (image == null || !has(image, BYTES)) {
      String reason = named ? "a path without bytes in Parquet" : "no image in Parquet";
      sink.rejected(new RejectedImage(key, reason));
      return;
    }
    // A buffer is never longer than its page, whatever length is claimed.
    ByteBuffer stored = image.getBinary(BYTES, 0).toByteBuffer();
    if (stored.remaining() > source.maxImageBytes()) {
      String reason = FormatReader.overLimit(stored.remaining(), source.maxImageBytes());
      sink.rejected(new RejectedImage(key, reason));
    } else {
      byte[] bytes = new byte[stored.remaining()];
      stored.get(bytes);
      sink.image(key, label(row), 0, bytes.length, bytes);
    }
  }

  private static boolean has(Group group, String field) {
    return group.getFieldRepetitionCount(field) > 0;
  }

  @Nullable
  private static Integer label(Group row) {
    if (!row.getType().containsField(LABEL) || !has(row, LABEL)) {
      return null;
    }
    boolean isLong =
        row.getType().getType(LABEL).asPrimitiveType().getPrimitiveTypeName()
            == PrimitiveTypeName.INT64;
    return FormatReader.label(isLong ? row.getLong(LABEL, 0) : row.getInteger(LABEL, 0));
  }
}
