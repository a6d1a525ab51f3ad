package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.StoredFile;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;

/**
 * {@code manifest.json} of a set of features, written last.
 *
 * @param featureVersion {@link #VERSION}
 * @param metadata of the set
 * @param shards sorted by file; a shard without rows has no file and is not listed
 */
public record FeatureManifest(int featureVersion, FeatureMetadata metadata, List<Shard> shards) {
  public static final Coder<FeatureManifest> CODER = Json.coder(FeatureManifest.class);

  /** The version this code writes, and the only one it reads. */
  public static final int VERSION = 1;

  private static final String WANTED =
      "a folder of features with a " + ShardManifest.FILE + " of version " + VERSION;

  /**
   * Checks the version and the list of shards.
   *
   * @throws IllegalArgumentException if one is not what this code writes
   */
  public FeatureManifest {
    if (featureVersion != VERSION) {
      throw new IllegalArgumentException("feature version " + featureVersion);
    }
    requireNonNull(metadata, "metadata is null");
    shards = Shard.checked(shards);
  }

  /** Whether a folder holds a complete set of features. */
  public static boolean isIn(String directory) throws IOException {
    StoredFile manifest = StoredFile.in(directory, ShardManifest.FILE);
    if (!manifest.exists()) {
      return false;
    }
    try {
      return Json.object(manifest.readText()).containsKey("featureVersion");
    } catch (JsonProcessingException e) {
      return false;
    }
  }

  /**
   * Reads the manifest of the features in a folder.
   *
   * @throws InvalidInputException if it is missing, unreadable, or not one of features
   */
  public static FeatureManifest read(String directory) {
    ShardFolder folder = new ShardFolder(directory);
    try {
      return Json.read(folder.file(ShardManifest.FILE).readText(), FeatureManifest.class);
    } catch (FileNotFoundException e) {
      throw invalid("no " + ShardManifest.FILE + " in " + directory, e);
    } catch (JsonProcessingException e) {
      throw invalid(
          folder.path(ShardManifest.FILE) + ", which is none of features (" + Json.reason(e) + ")",
          e);
    } catch (IOException e) {
      throw invalid(folder.path(ShardManifest.FILE) + " unreadable (" + e.getMessage() + ")", e);
    }
  }

  private static InvalidInputException invalid(String found, @Nullable Exception cause) {
    return new InvalidInputException(found, WANTED, cause);
  }

  /** The number of images in the set. */
  public long rows() {
    return shards.stream().mapToLong(Shard::rows).sum();
  }

  /** The numbers in each vector of a name; 0 if there is no such column. */
  public int size(String vector) {
    return metadata.vectors().stream()
        .filter(known -> known.name().equals(vector))
        .mapToInt(FeatureMetadata.Vector::size)
        .findFirst()
        .orElse(0);
  }
}
