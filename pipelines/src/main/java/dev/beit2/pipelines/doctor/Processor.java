package dev.beit2.pipelines.doctor;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** What the processor computes with, from what Linux says of it. */
final class Processor {
  private static final Path LINUX = Path.of("/proc/cpuinfo");

  private Processor() {}

  /** Its vector instructions, in words, and whether bfloat16 is among them. */
  static String precisions() {
    try {
      return precisions(Files.readString(LINUX));
    } catch (IOException e) {
      return "fp32 (what else is not known here)";
    }
  }

  /**
   * @param cpuinfo the text of {@code /proc/cpuinfo}
   */
  static String precisions(String cpuinfo) {
    Set<String> flags =
        cpuinfo
            .lines()
            .filter(line -> line.startsWith("flags") || line.startsWith("Features"))
            .findFirst()
            .map(line -> Set.copyOf(Arrays.asList(line.replaceFirst(".*?:\\s*", "").split("\\s+"))))
            .orElse(Set.of());
    List<String> vectors = new ArrayList<>();
    for (String vector : List.of("avx2", "avx512f", "avx512_bf16", "amx_bf16", "asimd", "bf16")) {
      if (flags.contains(vector)) {
        vectors.add(vector);
      }
    }
    boolean halfWidth = vectors.stream().anyMatch(vector -> vector.endsWith("bf16"));
    return "fp32%s (%s)"
        .formatted(
            halfWidth ? " and bf16" : "; bf16 is emulated and slow",
            vectors.isEmpty() ? "no vector instructions known" : String.join(", ", vectors));
  }
}
