package dev.beit2.pipelines.cli;

import dev.beit2.io.shard.CodeUsage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Codebook usage as a histogram in text. */
public final class UsageText {
  private static final int WIDEST_LINE = 40;
  private static final List<String> USES =
      List.of("never", "< 1/4", "1/4 to 1/2", "1/2 to 1", "1 to 2", "2 to 4", ">= 4");

  private UsageText() {}

  /**
   * One line for each range of use, with the number of codes that are used so often. Use is
   * measured in multiples of even use. No lines if no code was used.
   */
  public static List<String> lines(CodeUsage usage) {
    int[] codes = new int[USES.size()];
    double even = usage.total() / (double) usage.codebookSize();
    for (long count : usage.counts()) {
      codes[count == 0 ? 0 : (int) Math.max(1, Math.min(6, 4 + Math.floor(log2(count / even))))]++;
    }
    List<String> lines = new ArrayList<>();
    for (int i = 0; i < codes.length && usage.total() > 0; i++) {
      String bar =
          "#".repeat((int) Math.ceil(WIDEST_LINE * (double) codes[i] / usage.codebookSize()));
      String line =
          String.format(
              Locale.ROOT,
              "%-12s %-10s %7d codes %s",
              i == 0 ? "used" : "x even use",
              USES.get(i),
              codes[i],
              bar);
      lines.add(line.stripTrailing());
    }
    return lines;
  }

  private static double log2(double value) {
    return Math.log(value) / Math.log(2);
  }
}
