package dev.beit2.pipelines.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import dev.beit2.pipelines.eval.ProbeResult.Estimate;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ProbeResultTest {
  @Test
  void theIntervalIsStudents() {
    Estimate two = Estimate.of(List.of(0.4, 0.6));
    assertEquals(0.5, two.mean(), 1e-12);
    assertEquals(12.706 * 0.1, two.interval(), 1e-9);
    Estimate five = Estimate.of(List.of(1.0, 2.0, 3.0, 4.0, 5.0));
    assertEquals(2.776 * Math.sqrt(2.5 / 5), five.interval(), 1e-9);
    assertEquals("3.000 ± 1.963", five.text());
    assertEquals(0, Estimate.of(Collections.nCopies(500, 0.25)).interval(), 1e-12);
  }

  @Test
  void oneSeedHasNoInterval() {
    assertNull(Estimate.of(List.of(0.4)).interval());
    assertEquals("0.400", Estimate.of(List.of(0.4)).text());
  }
}
