package dev.beit2.pipelines.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.CodeUsage;
import java.util.List;
import org.junit.jupiter.api.Test;

class UsageTextTest {
  @Test
  void linesCountCodesByTheirUse() {
    // 40 uses each if they were even.
    List<String> lines = UsageText.lines(CodeUsage.of(new long[] {0, 1, 20, 40, 139}));

    assertEquals(
        List.of(
            "never 1", "< 1/4 1", "1/4 to 1/2 0", "1/2 to 1 1", "1 to 2 1", "2 to 4 1", ">= 4 0"),
        lines.stream()
            .map(line -> line.substring(13).replaceAll(" codes.*", "").replaceAll(" +", " "))
            .toList());
    assertTrue(lines.get(0).endsWith(" ########"), lines.get(0));
    assertEquals(List.of(), UsageText.lines(CodeUsage.of(new long[] {0, 0})));
  }
}
