package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

class CodeUsageTest {
  @Test
  void evenUseHasThePerplexityOfAsManyCodes() {
    CodeUsage usage = CodeUsage.of(new long[] {5, 0, 5, 5, 5});

    assertEquals(5, usage.codebookSize());
    assertEquals(4, usage.inUse());
    assertEquals(20, usage.total());
    assertEquals(4, usage.perplexity(), 1e-12);
  }

  @Test
  void unevenUseHasLess() {
    // -(3/4 ln 3/4 + 1/4 ln 1/4) = 0.5623351446
    assertEquals(Math.exp(0.5623351446188083), CodeUsage.of(new long[] {3, 1}).perplexity(), 1e-12);
    assertEquals(1, CodeUsage.of(new long[] {7, 0}).perplexity(), 1e-12);
    assertEquals(0, CodeUsage.of(new long[] {0, 0}).perplexity());
  }

  @Test
  void linesCountCodesByTheirUse() {
    // 40 uses each if they were even.
    List<String> lines = UsageHistogram.lines(CodeUsage.of(new long[] {0, 1, 20, 40, 139}));

    assertEquals(
        List.of(
            "never 1", "< 1/4 1", "1/4 to 1/2 0", "1/2 to 1 1", "1 to 2 1", "2 to 4 1", ">= 4 0"),
        lines.stream()
            .map(line -> line.substring(13).replaceAll(" codes.*", "").replaceAll(" +", " "))
            .toList());
    assertTrue(lines.get(0).endsWith(" ########"), lines.get(0));
    assertEquals(List.of(), UsageHistogram.lines(CodeUsage.of(new long[] {0, 0})));
  }
}
