package dev.beit2.io.shard;

import java.util.Arrays;
import java.util.List;

/**
 * How often each code of a codebook was given.
 *
 * @param counts by code number, none negative
 */
public record CodeUsage(List<Long> counts) {
  public CodeUsage {
    counts = List.copyOf(counts);
  }

  public static CodeUsage of(long[] counts) {
    return new CodeUsage(Arrays.stream(counts).boxed().toList());
  }

  public int codebookSize() {
    return counts.size();
  }

  /** Codes given at least once. */
  public int inUse() {
    return (int) counts.stream().filter(count -> count > 0).count();
  }

  public long total() {
    return counts.stream().mapToLong(Long::longValue).sum();
  }

  /**
   * exp of the codes' entropy in nats: as many codes, used evenly, would say as much. 1 to the
   * codebook's size; 0 if no code was given.
   */
  public double perplexity() {
    double total = total();
    if (total == 0) {
      return 0;
    }
    double entropy = 0;
    for (long count : counts) {
      if (count > 0) {
        entropy -= count / total * Math.log(count / total);
      }
    }
    return Math.exp(entropy);
  }
}
