package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.util.List;
import java.util.function.Consumer;

/**
 * The result of a full check of a set of shards.
 *
 * @param rows the number of images that could be read
 * @param views the number of views of these images
 * @param codeCounts [codebookSize], how often each code is used
 * @param duplicateKeys keys of more than one image; at most {@value #MAX_DUPLICATES}
 * @param duplicateImages images with the same bytes as an image of another key; this is not a
 *     problem
 * @param problems a sentence for each problem; empty if the shards are sound
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
   * Reads every byte and every row of the shards in a folder and compares them with the manifest.
   *
   * @throws InvalidInputException if there is no manifest or it cannot be read
   */
  public static ShardVerification verify(String directory) {
    return verify(directory, shard -> {});
  }

  /**
   * As {@link #verify}, with a progress callback. Uses all processors as far as the heap allows.
   *
   * @param progress called with each shard when it is done, from any thread
   */
  public static ShardVerification verify(String directory, Consumer<Shard> progress) {
    return new ShardVerifier(directory).verify(progress);
  }

  /**
   * Compares only the lengths and the footers of the shards in a folder with the manifest, in one
   * request a shard.
   *
   * @param progress called with each shard when it is done, from any thread
   * @return a sentence for each problem; empty if none was found
   * @throws InvalidInputException if there is no manifest or it cannot be read
   */
  public static List<String> quick(String directory, Consumer<Shard> progress) {
    return new ShardVerifier(directory).quick(progress);
  }

  /** The number of images, equal to {@link #rows}. */
  public long images() {
    return rows;
  }

  /** Whether no problem was found. */
  public boolean sound() {
    return problems.isEmpty();
  }

  /** How often the codebook's codes are used. */
  public CodeUsage codeUsage() {
    return CodeUsage.of(codeCounts);
  }
}
