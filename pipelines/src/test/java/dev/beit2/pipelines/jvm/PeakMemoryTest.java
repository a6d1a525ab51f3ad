package dev.beit2.pipelines.jvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

class PeakMemoryTest {
  @Test
  void readsThePeakNotTheCurrentSize() {
    String status = "Name:\tjava\nVmPeak:\t 9000000 kB\nVmHWM:\t  2982912 kB\nVmRSS:\t  100 kB\n";

    assertEquals(OptionalLong.of(2_982_912), PeakMemory.residentKibibytes(status));
    assertEquals(OptionalLong.empty(), PeakMemory.residentKibibytes("Name:\tjava\n"));
  }

  @Test
  void aJavaProcessHoldsMoreThanItsLibraries() {
    assertTrue(PeakMemory.megabytes() > 10, () -> PeakMemory.megabytes() + " MiB");
  }
}
