package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.util.List;
import java.util.function.Consumer;

/**
 * What a thorough look at a set of shards found.
 *
 * @param rows images that could be read
 * @param views of these images
 * @param codeCounts [codebookSize], how often each code is used
 * @param duplicateKeys keys of more than one image; the first {@value #MAX_DUPLICATES}
 * @param duplicateImages images that could be left out as another one has the same bytes under
 *     another key; sets have such, and nothing is wrong with that
 * @param problems everything that is not as it has to be, a sentence each; empty if all is sound
 */
@SuppressWarnings("ArrayRecordComponent") // a histogram of 8192 numbers
public record ShardVerification(
    long rows,
    long views,
    long[] codeCounts,
    List<String> duplicateKeys,
    long duplicateImages,
    List<String> problems) {
  static final int MAX_DUPLICATES = 100;

  public ShardVerification {
    requireNonNull(codeCounts, "codeCounts is null");
    duplicateKeys = List.copyOf(duplicateKeys);
    problems = List.copyOf(problems);
  }

  /**
   * Reads every byte and every row of the shards in a folder and holds them against the manifest.
   *
   * @throws InvalidInputException if there is no manifest or it cannot be read
   */
  public static ShardVerification verify(String directory) {
    return verify(directory, shard -> {});
  }

  /**
   * The same, on all processors as far as the heap allows it.
   *
   * @param progress told of each shard when it is done, by any thread
   */
  public static ShardVerification verify(String directory, Consumer<Shard> progress) {
    return new ShardVerifier(directory).verify(progress);
  }

  /** As many as rows: a row is an image. */
  public long images() {
    return rows;
  }

  public boolean sound() {
    return problems.isEmpty();
  }

  /** The codes that are used at least once. */
  public int codesInUse() {
    int used = 0;
    for (long count : codeCounts) {
      used += count > 0 ? 1 : 0;
    }
    return used;
  }
}
