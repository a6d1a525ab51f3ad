package dev.beit2.io.shard;

import java.util.Arrays;
import java.util.List;

/**
 * How often each code of a codebook is used.
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

  /** The number of codes that are used at least once. */
  public int inUse() {
    return (int) counts.stream().filter(count -> count > 0).count();
  }

  /** The sum of the counts. */
  public long total() {
    return counts.stream().mapToLong(Long::longValue).sum();
  }

  /**
   * The exponential of the entropy of the codes (in nats): the number of codes that, used equally
   * often, have the same entropy. In [1, codebookSize]; 0 if no code is used.
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
