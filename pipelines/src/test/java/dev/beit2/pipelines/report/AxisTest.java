package dev.beit2.pipelines.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import org.junit.jupiter.api.Test;

class AxisTest {
  private static List<String> labels(Axis axis) {
    return axis.ticks().stream().map(axis::label).toList();
  }

  @Test
  void ticksAreRoundNumbersAroundTheValues() {
    assertEquals(
        List.of("3.5", "4.0", "4.5", "5.0", "5.5", "6.0"), labels(Axis.around(3.9, 5.8, 5)));
    assertEquals(List.of("0", "50", "100", "150"), labels(Axis.around(3, 144, 4)), "from zero on");
    assertEquals(List.of("-0.2", "0.0", "0.2"), labels(Axis.around(-0.1, 0.2, 2)));
  }

  @Test
  void equalValuesHaveAnAxis() {
    Axis axis = Axis.around(256, 256, 4);

    assertEquals(256, axis.low() + (axis.high() - axis.low()) * axis.fraction(256), 1e-9);
    assertEquals(0, Axis.between(1, 1, 4).fraction(1), 1e-12);
  }

  @Test
  void endsStayWhereTheyAre() {
    Axis axis = Axis.between(1, 700, 6);

    assertEquals(0, axis.fraction(1), 1e-12);
    assertEquals(1, axis.fraction(700), 1e-12);
    assertEquals(List.of("100", "200", "300", "400", "500", "600", "700"), labels(axis));
  }
}
