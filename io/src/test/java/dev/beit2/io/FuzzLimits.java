package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Limits the memory of fuzzed code; libFuzzer limits its time. Surefire limits the heap, so what
 * grows here is the native memory of decoders.
 */
public final class FuzzLimits {
  /** The heap's 512 MB, the JVM with Jazzer, and room for an image's native buffers. */
  private static final long RESIDENT_KILOBYTES = 1_500_000;

  private FuzzLimits() {}

  /** Fails if this process ever was larger than it may be. */
  public static void checkMemory() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (Files.exists(status)) { // not on macOS
      String peak =
          Files.readAllLines(status).stream()
              .filter(line -> line.startsWith("VmHWM:"))
              .findFirst()
              .orElseThrow();
      long kilobytes = Long.parseLong(peak.replaceAll("\\D", ""));
      assertTrue(kilobytes < RESIDENT_KILOBYTES, peak);
    }
  }
}
