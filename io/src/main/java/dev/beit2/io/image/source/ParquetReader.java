package dev.beit2.io.image.source;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Parallel;
import dev.beit2.io.ReadAhead;
import dev.beit2.io.Reason;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.parquet.BoundedCodecs;
import dev.beit2.io.parquet.FileParts;
import dev.beit2.io.parquet.UntrustedParquet;
import dev.beit2.io.store.StoredFile;
import dev.beit2.io.store.UnreadableFileException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import javax.annotation.Nullable;
import org.apache.parquet.ParquetReadOptions;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.column.statistics.LongStatistics;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.metadata.BlockMetaData;
import org.apache.parquet.hadoop.metadata.ColumnChunkMetaData;
import org.apache.parquet.hadoop.metadata.ColumnPath;
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
  private static final int MOST_ROW_GROUPS = 8; // read one after the other
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
  record RowGroup(SourcePartition partition, long rows, long bytes) {
    RowGroup withNamesRepeat(boolean repeat) {
      return new RowGroup(partition.withNamesRepeat(repeat), rows, bytes);
    }
  }

  /**
   * What is in the footer of a file.
   *
   * @param rejected row groups that cannot be read, or the whole file
   * @param keys the hash of each image's key that its path gives
   * @param unlabelled why images have no labels, or null if they have
   * @param note what is wrong with the rest, or null
   */
  private record Footer(
      List<RowGroup> rowGroups,
      List<RejectedImage> rejected,
      List<String> classes,
      long[] keys,
      @Nullable String unlabelled,
      @Nullable String note) {
    static Footer broken(SourcePartition file, String reason) {
      List<RejectedImage> rejected = List.of(new RejectedImage(file.name(), reason));
      return new Footer(List.of(), rejected, List.of(), new long[0], null, null);
    }
  }

  /** The contents of the footers. */
  record Contents(Listing listing, List<RowGroup> rowGroups) {}

  @Override
  public Listing list() throws IOException {
    return contents().listing();
  }

  /** The footers are read by several threads because each takes a few requests. */
  Contents contents() throws IOException {
    ArchiveFiles files =
        ArchiveFiles.list(source.path(), name -> name.endsWith(".parquet"), "Parquet files");
    List<Footer> footers = Parallel.map(files.partitions(), ParquetReader::footer);
    List<RejectedImage> rejected = new ArrayList<>(files.unreadable());
    footers.forEach(footer -> rejected.addAll(footer.rejected()));
    boolean repeat = namesRepeat(footers);
    List<RowGroup> rowGroups =
        footers.stream()
            .flatMap(footer -> footer.rowGroups().stream())
            .map(group -> group.withNamesRepeat(repeat))
            .toList();
    if (rowGroups.isEmpty() && !rejected.isEmpty()) {
      throw new InvalidInputException(
          files.partitions().get(0).file() + " unreadable (" + rejected.get(0).reason() + ")",
          WANTED);
    }
    List<String> classes =
        footers.stream()
            .map(Footer::classes)
            .filter(names -> !names.isEmpty())
            .findFirst()
            .orElse(List.of());
    Listing listing =
        new Listing(
            rowGroups.stream().map(RowGroup::partition).toList(),
            rejected,
            classes,
            OptionalLong.of(rowGroups.stream().mapToLong(RowGroup::rows).sum()),
            unlabelled(footers),
            first(footers.stream().map(Footer::note)));
    return new Contents(listing, rowGroups);
  }

  /** Why images have no labels: none has, or the largest labels are too large. */
  @Nullable
  private static String unlabelled(List<Footer> footers) {
    return footers.stream().anyMatch(footer -> footer.unlabelled() == null)
        ? null
        : first(footers.stream().map(Footer::unlabelled));
  }

  @Nullable
  private static String first(Stream<String> texts) {
    return texts.filter(Objects::nonNull).findFirst().orElse(null);
  }

  /** Whether two images have the same key. */
  private static boolean namesRepeat(List<Footer> footers) {
    long[] keys = footers.stream().flatMapToLong(footer -> LongStream.of(footer.keys())).toArray();
    Arrays.sort(keys);
    for (int i = 1; i < keys.length; i++) {
      if (keys[i] == keys[i - 1]) {
        return true;
      }
    }
    return false;
  }

  private static Footer footer(SourcePartition file) throws IOException {
    try {
      return UntrustedParquet.bounded(() -> readFooter(file));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (InvalidInputException e) {
      throw e;
    } catch (AccessDeniedException | NoSuchFileException e) {
      return Footer.broken(file, FormatReader.unreadable(e));
    } catch (IOException | RuntimeException e) {
      return Footer.broken(file, "no footer of a Parquet file: " + Reason.of(e));
    }
  }

  private static Footer readFooter(SourcePartition file) throws IOException {
    FileParts parts = end(file);
    try (ParquetFileReader reader = open(parts, 0, Long.MAX_VALUE)) {
      MessageType schema = reader.getFileMetaData().getSchema();
      MessageType columns = columns(file, schema);
      List<RowGroup> groups = new ArrayList<>();
      List<RejectedImage> rejected = new ArrayList<>();
      long row = 0;
      for (BlockMetaData group : reader.getRowGroups()) {
        requireCodecs(file, group);
        if (isInside(group, file.bytes())) {
          groups.add(rowGroup(file, group));
        } else {
          String reason = "at row %d: a row group of %d rows that is not in the file";
          rejected.add(
              new RejectedImage(
                  file.name(), String.format(Locale.ROOT, reason, row, group.getRowCount())));
        }
        row += group.getRowCount();
      }
      String json = reader.getFileMetaData().getKeyValueMetaData().get("huggingface");
      Optional<List<String>> classes = classes(json);
      String note =
          classes.isEmpty() ? "no class names, as those in " + file.name() + " are no JSON" : null;
      return new Footer(
          groups,
          rejected,
          classes.orElse(List.of()),
          rejected.isEmpty() ? keys(file, reader, columns) : new long[0],
          unlabelled(file, schema, columns),
          note == null ? largeLabels(file, reader) : note);
    }
  }

  private static void requireCodecs(SourcePartition file, BlockMetaData group) {
    BoundedCodecs codecs = new BoundedCodecs();
    for (ColumnChunkMetaData column : group.getColumns()) {
      if (isRead(column) && !codecs.reads(column.getCodec())) {
        throw new InvalidInputException(
            "%s compressed with %s".formatted(file.file(), column.getCodec()),
            "Parquet compressed with Snappy, gzip, Zstandard, LZ4_RAW or not at all");
      }
    }
  }

  /** Whether the columns of a row group lie in the file; a footer may claim anything. */
  private static boolean isInside(BlockMetaData group, long length) {
    return group.getRowCount() >= 0
        && group.getColumns().stream()
            .allMatch(
                column ->
                    column.getStartingPos() >= 0
                        && column.getTotalSize() >= 0
                        && column.getTotalSize() <= length - column.getStartingPos());
  }

  /**
   * The hashes of the keys that the paths in a file give. Only this column is read; where it cannot
   * be, reading the images will tell.
   */
  private static long[] keys(SourcePartition file, ParquetFileReader reader, MessageType columns) {
    GroupType image = columns.getType(IMAGE).asGroupType();
    if (!image.containsField(PATH)) {
      return new long[0];
    }
    MessageType paths =
        new MessageType(columns.getName(), image.withNewFields(image.getType(PATH)));
    LongStream.Builder keys = LongStream.builder();
    try {
      reader.setRequestedSchema(paths);
      long position = 0;
      for (PageReadStore pages = reader.readNextRowGroup();
          pages != null;
          pages = reader.readNextRowGroup()) {
        RecordReader<Group> rows =
            new ColumnIOFactory()
                .getColumnIO(paths)
                .getRecordReader(pages, new GroupRecordConverter(paths));
        for (long i = 0; i < pages.getRowCount(); i++, position++) {
          keys.add(SeededRandom.hash(0, ImageKey.of(path(rows.read()), file.name(), position)));
        }
      }
    } catch (IOException | RuntimeException e) {
      return new long[0];
    }
    return keys.build().toArray();
  }

  /** Why a file's images have no labels; null if they have. */
  @Nullable
  private static String unlabelled(SourcePartition file, MessageType schema, MessageType columns) {
    if (columns.containsField(LABEL)) {
      return null;
    }
    return schema.containsField(LABEL)
        ? "images without labels, as the column %s in %s holds no whole numbers: %s"
            .formatted(LABEL, file.file(), schema.getType(LABEL))
        : "images without labels, as there is no column " + LABEL + " in " + file.file();
  }

  /** What to tell of labels that are larger than a label can be; null if none is. */
  @Nullable
  private static String largeLabels(SourcePartition file, ParquetFileReader reader) {
    for (BlockMetaData group : reader.getRowGroups()) {
      for (ColumnChunkMetaData column : group.getColumns()) {
        if (column.getPath().equals(ColumnPath.get(LABEL))
            && column.getStatistics() instanceof LongStatistics labels
            && labels.hasNonNullValue()
            && labels.getMax() > Integer.MAX_VALUE) {
          return String.format(
              Locale.ROOT,
              "labels up to %d in %s; those over %d count as none",
              labels.getMax(),
              file.name(),
              Integer.MAX_VALUE);
        }
      }
    }
    return null;
  }

  private static FileParts end(SourcePartition file) throws IOException {
    try {
      return FileParts.end(new StoredFile(file.file()), file.fileBytes());
    } catch (FileParts.OtherLengthException e) { // than when it was listed
      throw new IOException(file.file() + " changed while it was read", e);
    }
  }

  private static ParquetFileReader open(FileParts parts, long start, long end) throws IOException {
    ParquetReadOptions options =
        ParquetReadOptions.builder(new PlainParquetConfiguration())
            .withRange(start, end)
            .usePageChecksumVerification()
            .withCodecFactory(new BoundedCodecs())
            .build();
    return ParquetFileReader.open(parts, options);
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
        new SourcePartition(file.name(), file.file(), file.fileBytes(), start, end, null);
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

  /** The class names that Hugging Face has written; nothing if they are no JSON. */
  private static Optional<List<String>> classes(@Nullable String json) {
    List<String> classes = new ArrayList<>();
    if (json != null) {
      try {
        JsonNode features = JSON.readTree(json).path("info").path("features");
        features.path(LABEL).path("names").forEach(name -> classes.add(name.asText()));
      } catch (JsonProcessingException e) {
        return Optional.empty();
      }
    }
    return Optional.of(classes);
  }

  /** Images in a row group have no positions, so their bytes are always read. */
  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    scan(partition, fetch(partition), sink);
  }

  /** Fetches the next row group while the caller uses one. */
  @Override
  public void scanAll(List<SourcePartition> partitions, ImageSink sink) throws IOException {
    ReadAhead<SourcePartition, Fetched> fetched =
        new ReadAhead<>(
            partitions.iterator(), 1, SourcePartition::bytes, Long.MAX_VALUE, this::fetch);
    for (SourcePartition partition : partitions) {
      try {
        scan(partition, fetched.next(), sink);
      } catch (AccessDeniedException | NoSuchFileException | UnreadableFileException e) {
        sink.rejected(new RejectedImage(partition.name(), FormatReader.unreadable(e)));
      }
    }
  }

  @Override
  public int mostAtOnce() {
    return MOST_ROW_GROUPS;
  }

  /**
   * A row group in memory, or why it is no Parquet.
   *
   * @param parts null if there is a fault
   * @param fault null if there is none
   */
  record Fetched(@Nullable FileParts parts, @Nullable Exception fault) {}

  /** Reads the bytes of a row group's columns, in two requests. */
  Fetched fetch(SourcePartition partition) throws IOException {
    FileParts parts = end(partition);
    long from = partition.start();
    long to = partition.start();
    try (ParquetFileReader reader =
        UntrustedParquet.bounded(() -> open(parts, partition.start(), partition.end()))) {
      for (BlockMetaData group : reader.getRowGroups()) {
        requireRoom(partition, group);
        for (ColumnChunkMetaData column : group.getColumns()) {
          if (isRead(column)) {
            from = Math.min(from, column.getStartingPos());
            to = Math.max(to, column.getStartingPos() + column.getTotalSize());
          }
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (InvalidInputException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // what Parquet makes of nonsense
      return new Fetched(null, e);
    }
    return new Fetched(parts.withRowGroup(from, Math.min(to, partition.fileBytes())), null);
  }

  private static boolean isRead(ColumnChunkMetaData column) {
    String name = column.getPath().toArray()[0];
    return name.equals(IMAGE) || name.equals(LABEL);
  }

  /** Gives the rows of a row group that {@link #fetch} has read. */
  void scan(SourcePartition partition, Fetched fetched, ImageSink sink) throws IOException {
    long position = 0;
    if (fetched.fault() != null) {
      sink.rejected(unreadable(partition, position, fetched.fault()));
      return;
    }
    try (ParquetFileReader reader =
        UntrustedParquet.bounded(() -> open(fetched.parts(), partition.start(), partition.end()))) {
      MessageType schema = reader.getFileMetaData().getSchema();
      MessageType columns = columns(partition, schema);
      reader.setRequestedSchema(columns);
      for (BlockMetaData group : reader.getRowGroups()) {
        position = group.getRowIndexOffset();
        PageReadStore pages = UntrustedParquet.bounded(reader::readNextRowGroup);
        RecordReader<Group> rows =
            UntrustedParquet.bounded(
                () ->
                    new ColumnIOFactory()
                        .getColumnIO(columns, schema)
                        .getRecordReader(pages, new GroupRecordConverter(columns)));
        for (long i = 0; i < pages.getRowCount(); i++, position++) {
          row(partition, position, UntrustedParquet.bounded(rows::read), sink);
        }
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } catch (InvalidInputException e) {
      throw e;
    } catch (IOException | RuntimeException e) { // what Parquet makes of nonsense
      sink.rejected(unreadable(partition, position, e));
    }
  }

  private static RejectedImage unreadable(SourcePartition partition, long position, Exception e) {
    return new RejectedImage(
        partition.name(), "at row " + position + ": unreadable row group: " + Reason.of(e));
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
    String path = path(row);
    String key =
        partition.namesRepeat()
            ? ImageKey.atPosition(path, partition.name(), position)
            : ImageKey.of(path, partition.name(), position);
    if (image == null || !has(image, BYTES)) {
      String reason = path != null ? "a path without bytes in Parquet" : "no image in Parquet";
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

  /** The path of a row's image, or null. */
  @Nullable
  private static String path(Group row) {
    Group image = row.getFieldRepetitionCount(IMAGE) == 0 ? null : row.getGroup(IMAGE, 0);
    boolean named = image != null && image.getType().containsField(PATH) && has(image, PATH);
    return named ? image.getString(PATH, 0) : null;
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
