package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
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
 * @param schemaVersion {@link #SCHEMA_VERSION}
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
    List<Shard> shards) {
  public static final Coder<ShardManifest> CODER = Json.coder(ShardManifest.class);

  /** The version this code writes, and the only one it reads. */
  public static final int SCHEMA_VERSION = 1;

  /** The file's name. */
  public static final String FILE = "manifest.json";

  private static final String WANTED =
      "a folder of MIM shards with a " + FILE + " of schema version " + SCHEMA_VERSION;

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
   */
  public record Shard(String file, long rows, long bytes, String crc32c) {
    static final Coder<Shard> CODER = Json.coder(Shard.class);

    public Shard {
      requireNonNull(file, "file is null");
      requireNonNull(crc32c, "crc32c is null");
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
          throw new IllegalArgumentException("no rows, bytes and crc32c of a shard in " + shard);
        }
        last = file;
      }
      return copy;
    }
  }

  /**
   * Checks the numbers and names.
   *
   * @throws IllegalArgumentException if one is out of its range, or a shard is listed twice or out
   *     of order
   */
  public ShardManifest {
    if (schemaVersion != SCHEMA_VERSION) {
      throw new IllegalArgumentException("schema version " + schemaVersion);
    }
    // Checks them.
    new ShardMetadata(tokenizerDigest, codebookSize, grid, inputSize, views, seed, precision);
    shards = Shard.checked(shards);
  }

  static ShardManifest of(ShardMetadata metadata, List<Shard> shards) {
    return new ShardManifest(
        SCHEMA_VERSION,
        metadata.tokenizerDigest(),
        metadata.codebookSize(),
        metadata.grid(),
        metadata.inputSize(),
        metadata.views(),
        metadata.seed(),
        metadata.precision(),
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

  /** The number of images in the set. */
  public long rows() {
    return shards.stream().mapToLong(Shard::rows).sum();
  }

  /** The metadata of the set. */
  public ShardMetadata metadata() {
    return new ShardMetadata(
        tokenizerDigest, codebookSize, grid, inputSize, views, seed, precision);
  }

  /** The indented JSON of the file, without a line break at the end. */
  public String toJson() {
    return Json.pretty(this).stripTrailing();
  }

  static ShardManifest fromJson(String json) throws JsonProcessingException {
    return Json.read(json, ShardManifest.class);
  }
}
