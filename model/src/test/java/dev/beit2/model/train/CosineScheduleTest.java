package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class CosineScheduleTest {
  private static final CosineSchedule SCHEDULE = new CosineSchedule(1, 0.1, 0.2, 10, 110);

  @Test
  void risesLinearlyAndFallsAsHalfACosine() {
    assertEquals(0.1, SCHEDULE.at(0));
    assertEquals(0.5, SCHEDULE.at(4), 1e-12);
    assertEquals(1, SCHEDULE.at(9), 1e-12);
    assertEquals(1, SCHEDULE.at(10), 1e-12);
    assertEquals(0.6, SCHEDULE.at(60), 1e-12);
    assertEquals(0.2, SCHEDULE.at(110), 1e-12);
  }

  @Test
  void offsetShiftsTheSteps() {
    for (long step = 20; step < 100; step++) {
      assertEquals(SCHEDULE.at(step + 7), SCHEDULE.withOffset(7).at(step));
      assertEquals(SCHEDULE.at(step - 15), SCHEDULE.withOffset(-15).at(step));
    }
  }
}
