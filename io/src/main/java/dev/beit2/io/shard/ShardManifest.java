package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonValue;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.image.GreyRange;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.regex.Pattern;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;

/**
 * {@code manifest.json}, written last: describes a set of shards and lists its files. Readers
 * ignore any other file beside it.
 *
 * @param schemaVersion {@link #SCHEMA_VERSION}, or 1: the same without row groups
 * @param tokenizerDigest see {@link ShardMetadata}, also for the following
 * @param shards sorted by file; a shard without rows has no file and is not listed
 */
public record ShardManifest(
    int schemaVersion,
    String tokenizerDigest,
    int codebookSize,
    int grid,
    int inputSize,
    int views,
    long seed,
    @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) String precision,
    @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) GreyRange greyRange,
    List<Shard> shards) {
  public static final Coder<ShardManifest> CODER = Json.coder(ShardManifest.class);

  /** The version this code writes. */
  public static final int SCHEMA_VERSION = 2;

  /** The version before, which does not list row groups. It is read as well. */
  private static final int WITHOUT_ROW_GROUPS = 1;

  /** The file's name. */
  public static final String FILE = "manifest.json";

  private static final String WANTED =
      "a folder of MIM shards with a " + FILE + " of schema version 1 or " + SCHEMA_VERSION;

  /** A plain name: no folder, no wildcard, not hidden. */
  private static final Pattern FILE_NAME = Pattern.compile("[\\p{L}\\p{N}][\\p{L}\\p{N}._-]*");

  private static final Pattern CRC32C = Pattern.compile("[0-9a-f]{8}");

  /**
   * A Parquet file of the set.
   *
   * @param file its name, without folder
   * @param rows the number of images
   * @param bytes the length of the file
   * @param crc32c of the whole file, 8 hexadecimal digits
   * @param rowGroups in the order of the file; null in schema version 1
   */
  public record Shard(
      String file,
      long rows,
      long bytes,
      String crc32c,
      @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) List<RowGroup> rowGroups) {
    static final Coder<Shard> CODER = Json.coder(Shard.class);

    public Shard {
      requireNonNull(file, "file is null");
      requireNonNull(crc32c, "crc32c is null");
      rowGroups = rowGroups == null ? null : List.copyOf(rowGroups);
    }

    /** A shard of schema version 1. */
    Shard(String file, long rows, long bytes, String crc32c) {
      this(file, rows, bytes, crc32c, null);
    }

    /** What is wrong with the row groups, or null. */
    @Nullable
    private String fault() {
      long inGroups = 0;
      long position = 0;
      for (RowGroup group : rowGroups) {
        if (!group.isWithin(position, bytes)) {
          return "a row group out of place";
        }
        position = group.end();
        inGroups += group.rows();
      }
      return inGroups == rows ? null : "row groups of " + inGroups + " rows";
    }

    /** An immutable copy of a manifest's list, after checking it. */
    static List<Shard> checked(List<Shard> shards) {
      List<Shard> copy = List.copyOf(requireNonNull(shards, "shards is null"));
      String last = "";
      for (Shard shard : copy) {
        String file = shard.file();
        if (!FILE_NAME.matcher(file).matches()) {
          throw new IllegalArgumentException("the shard " + file + " is not the name of a file");
        }
        if (file.compareTo(last) <= 0) {
          throw new IllegalArgumentException(
              "the shard " + file + (file.equals(last) ? " twice" : " after " + last));
        }
        if (shard.rows() < 1
            || shard.rows() > Integer.MAX_VALUE
            || shard.bytes() < 1
            || !CRC32C.matcher(shard.crc32c()).matches()) {
          throw new IllegalArgumentException(
              "no rows, bytes and crc32c of a shard in Shard[file=%s, rows=%d, bytes=%d, crc32c=%s]"
                  .formatted(file, shard.rows(), shard.bytes(), shard.crc32c()));
        }
        last = file;
      }
      return copy;
    }
  }

  /**
   * A part of a shard that is read at once. In the file it is a list of these four numbers.
   *
   * @param rows the number of images
   * @param start its first byte in the file
   * @param bytes how many of the file's bytes it has
   * @param unpackedBytes how many they are unpacked
   */
  public record RowGroup(long rows, long start, long bytes, long unpackedBytes) {
    @JsonCreator
    static RowGroup of(long[] numbers) {
      if (numbers.length != 4) {
        throw new IllegalArgumentException("a row group of " + numbers.length + " numbers, not 4");
      }
      return new RowGroup(numbers[0], numbers[1], numbers[2], numbers[3]);
    }

    @JsonValue
    long[] numbers() {
      return new long[] {rows, start, bytes, unpackedBytes};
    }

    /** Represents all rows of a shard whose footer cannot be read. */
    static RowGroup lost(long rows) {
      return new RowGroup(rows, 0, 0, 0);
    }

    boolean isLost() {
      return start == 0;
    }

    /** The byte after the last. */
    long end() {
      return start + bytes;
    }

    private boolean isWithin(long from, long to) {
      return rows >= 1
          && rows <= Integer.MAX_VALUE
          && start >= Math.max(1, from)
          && start < to
          && bytes >= 1
          && bytes <= to - start
          && unpackedBytes >= 0;
    }
  }

  /**
   * Checks the numbers and names.
   *
   * @throws IllegalArgumentException if one is out of its range, or a shard is listed twice or out
   *     of order
   */
  public ShardManifest {
    if (schemaVersion != SCHEMA_VERSION && schemaVersion != WITHOUT_ROW_GROUPS) {
      throw new IllegalArgumentException("schema version " + schemaVersion);
    }
    // Checks them.
    new ShardMetadata(
        tokenizerDigest, codebookSize, grid, inputSize, views, seed, precision, greyRange);
    shards = Shard.checked(shards);
    for (Shard shard : shards) {
      requireRowGroups(schemaVersion, shard);
    }
  }

  private static void requireRowGroups(int schemaVersion, Shard shard) {
    boolean listed = shard.rowGroups() != null;
    String fault = listed ? shard.fault() : null;
    if (listed != (schemaVersion == SCHEMA_VERSION)) {
      fault = (listed ? "row groups" : "no row groups") + " in schema version " + schemaVersion;
    }
    if (fault != null) {
      throw new IllegalArgumentException("the shard " + shard.file() + " with " + fault);
    }
  }

  static ShardManifest of(ShardMetadata metadata, List<Shard> shards) {
    boolean listed = shards.stream().allMatch(shard -> shard.rowGroups() != null);
    return new ShardManifest(
        listed ? SCHEMA_VERSION : WITHOUT_ROW_GROUPS,
        metadata.tokenizerDigest(),
        metadata.codebookSize(),
        metadata.grid(),
        metadata.inputSize(),
        metadata.views(),
        metadata.seed(),
        metadata.precision(),
        metadata.greyRange(),
        shards);
  }

  /**
   * Reads the manifest of the shards in a folder.
   *
   * @throws InvalidInputException if it is missing, unreadable, not a manifest, or of another
   *     version
   */
  public static ShardManifest read(String directory) {
    ShardFolder folder = new ShardFolder(directory);
    try {
      return fromJson(folder.file(FILE).readText());
    } catch (FileNotFoundException e) {
      throw invalid("no " + FILE + " in " + directory, e);
    } catch (JsonProcessingException e) {
      throw invalid(folder.path(FILE) + ", which is no manifest (" + Json.reason(e) + ")", e);
    } catch (IOException e) {
      throw invalid(folder.path(FILE) + " unreadable (" + e.getMessage() + ")", e);
    }
  }

  private static InvalidInputException invalid(String found, @Nullable Exception cause) {
    return new InvalidInputException(found, WANTED, cause);
  }

  /** Whether the shards' row groups are listed, so that no footer need be read to find them. */
  boolean listsRowGroups() {
    return schemaVersion == SCHEMA_VERSION;
  }

  /** The number of images in the set. */
  public long rows() {
    return shards.stream().mapToLong(Shard::rows).sum();
  }

  /** The metadata of the set. */
  public ShardMetadata metadata() {
    return new ShardMetadata(
        tokenizerDigest, codebookSize, grid, inputSize, views, seed, precision, greyRange);
  }

  /** The indented JSON of the file, without a line break at the end. */
  public String toJson() {
    return Json.pretty(this).stripTrailing();
  }

  static ShardManifest fromJson(String json) throws JsonProcessingException {
    return Json.read(json, ShardManifest.class);
  }
}
