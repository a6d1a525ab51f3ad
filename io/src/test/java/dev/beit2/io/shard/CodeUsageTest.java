package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CodeUsageTest {
  @Test
  void perplexityOfEvenUseIsTheNumberOfCodes() {
    CodeUsage usage = CodeUsage.of(new long[] {5, 0, 5, 5, 5});

    assertEquals(5, usage.codebookSize());
    assertEquals(4, usage.inUse());
    assertEquals(20, usage.total());
    assertEquals(4, usage.perplexity(), 1e-12);
  }

  @Test
  void perplexityOfUnevenUseIsLower() {
    // -(3/4 ln 3/4 + 1/4 ln 1/4) = 0.5623351446
    assertEquals(Math.exp(0.5623351446188083), CodeUsage.of(new long[] {3, 1}).perplexity(), 1e-12);
    assertEquals(1, CodeUsage.of(new long[] {7, 0}).perplexity(), 1e-12);
    assertEquals(0, CodeUsage.of(new long[] {0, 0}).perplexity());
  }
}
