package dev.beit2.pipelines.jvm;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/** The peak memory of this process. */
public final class PeakMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final long KIBIBYTES_PER_MEBIBYTE = 1024;

  private PeakMemory() {}

  /**
   * In mebibytes. On Linux this is the peak resident set, including native memory; on other systems
   * the sum of the peaks of Java's memory pools, which does not include tensors.
   */
  public static long megabytes() {
    OptionalLong resident = OptionalLong.empty();
    try {
      resident = residentKibibytes(Files.readString(STATUS));
    } catch (IOException e) {
      // Not Linux: use the pools.
    }
    return resident.orElseGet(PeakMemory::poolKibibytes) / KIBIBYTES_PER_MEBIBYTE;
  }

  /** {@code VmHWM} of the text of a {@code /proc/PID/status}. */
  static OptionalLong residentKibibytes(String status) {
    return status
        .lines()
        .filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
        .findFirst();
  }

  private static long poolKibibytes() {
    long bytes = 0;
    for (MemoryPoolMXBean pool : ManagementFactory.getMemoryPoolMXBeans()) {
      bytes += pool.getPeakUsage().getUsed();
    }
    return bytes / 1024;
  }
}
