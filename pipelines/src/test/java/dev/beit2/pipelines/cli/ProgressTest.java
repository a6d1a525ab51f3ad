package dev.beit2.pipelines.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final class Hands extends Clock {
    private Instant now = Instant.EPOCH;

    void pass(Duration time) {
      now = now.plus(time);
    }

    @Override
    public Instant instant() {
      return now;
    }

    @Override
    public ZoneId getZone() {
      return ZoneOffset.UTC;
    }

    @Override
    public Clock withZone(ZoneId zone) {
      throw new UnsupportedOperationException();
    }
  }

  private final Hands clock = new Hands();
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();
  private final PrintStream out = new PrintStream(written, true, UTF_8);

  private String shown() {
    String text = written.toString(UTF_8);
    written.reset();
    return text;
  }

  private Progress progress(long total, boolean terminal) {
    return new Progress("2/4 pretrain", total, out, clock, terminal);
  }

  @Test
  void aLogGetsALineEveryFiveSeconds() {
    Progress progress = progress(100, false);
    for (int step = 1; step <= 11; step++) {
      clock.pass(Duration.ofSeconds(1));
      progress.update(step, 7.0 - step * 0.1, 32L * step);
    }

    assertEquals(
        """
        [2/4 pretrain] 5/100  loss 6.50  32 images/s  1 min 35 s left
        [2/4 pretrain] 10/100  loss 6.00  32 images/s  1 min 30 s left
        """,
        shown());
    progress.done();
    assertEquals("[2/4 pretrain] 11/100  loss 5.90  done in 11 s\n", shown());
  }

  /** A step of 2,048 images takes half an hour without a GPU. */
  @Test
  void aLongStepIsShownByParts() {
    Progress progress = progress(2, false);
    progress.continueFrom(0, 0);
    clock.pass(Duration.ofMinutes(10));
    progress.update(0.25, OptionalDouble.empty(), 512);

    assertEquals("[2/4 pretrain] 0/2  0.9 images/s  1 h 10 min left\n", shown());
  }

  @Test
  void aPostponedLineComesFiveSecondsLater() {
    Progress progress = progress(100, false);
    clock.pass(Duration.ofSeconds(4));
    progress.update(4, OptionalDouble.empty(), 4);
    progress.postpone();
    clock.pass(Duration.ofSeconds(4));
    progress.update(8, OptionalDouble.empty(), 8);
    assertEquals("", shown());

    clock.pass(Duration.ofSeconds(1));
    progress.update(9, OptionalDouble.empty(), 9);
    assertEquals("[2/4 pretrain] 9/100  1.0 images/s  1 min 31 s left\n", shown());
  }

  @Test
  void aTerminalsLineIsOverwritten() {
    Progress progress = progress(4, true);
    progress.continueFrom(0, 0);
    clock.pass(Duration.ofSeconds(1));
    progress.update(1, OptionalDouble.empty(), 4);
    clock.pass(Duration.ofMillis(50));
    progress.update(2, OptionalDouble.empty(), 8);
    assertEquals(
        "\r[2/4 pretrain] 1/4  4.0 images/s  3 s left\u001b[K", shown(), "not ten times a second");

    progress.done();
    assertEquals("\r[2/4 pretrain] 2/4  done in 1 s\u001b[K\n", shown());
  }

  @Test
  void workOfAnEarlierStartDoesNotCountAsSpeed() {
    Progress progress = progress(700, false);
    progress.continueFrom(350, 11200);
    clock.pass(Duration.ofSeconds(10));
    progress.update(360, 5.0, 11520);

    assertEquals("[2/4 pretrain] 360/700  loss 5.00  32 images/s  5 min 40 s left\n", shown());
  }

  /** 1389 hours were left after the first of many images, because Flink had started meanwhile. */
  @Test
  void theStartDoesNotCountAsWork() {
    Progress progress = progress(500_000, false);
    clock.pass(Duration.ofSeconds(10));
    progress.update(1, OptionalDouble.empty(), 1);
    assertEquals("[2/4 pretrain] 1/500000\n", shown(), "there is no rate yet");
    clock.pass(Duration.ofSeconds(5));
    progress.update(501, OptionalDouble.empty(), 501);
    assertEquals("[2/4 pretrain] 501/500000  100 images/s  1 h 23 min left\n", shown());
  }

  @Test
  void theRateFollowsTheLastHalfMinute() {
    Progress progress = progress(1000, false);
    clock.pass(Duration.ofSeconds(100));
    progress.update(1, OptionalDouble.empty(), 1);
    shown();
    for (int i = 1; i <= 50; i++) {
      clock.pass(Duration.ofSeconds(1));
      progress.update(1 + i, OptionalDouble.empty(), 1 + 20L * i);
    }

    String last = shown().lines().reduce((before, line) -> line).orElseThrow();
    assertEquals("[2/4 pretrain] 51/1000  20 images/s  15 min 49 s left", last);
  }

  @Test
  void withoutATotalNoRemainingTimeIsShown() {
    Progress progress = progress(0, false);
    clock.pass(Duration.ofSeconds(10));
    progress.continueFrom(0, 0);
    clock.pass(Duration.ofSeconds(10));
    progress.update(50, OptionalDouble.empty(), 320);
    progress.done();
    assertEquals("[2/4 pretrain] 50  32 images/s\n[2/4 pretrain] 50  done in 20 s\n", shown());
  }

  @Test
  void durationsAreShownInAtMostTwoUnits() {
    assertEquals("41 s", Progress.span(Duration.ofMillis(40_600)));
    assertEquals("1 min 05 s", Progress.span(Duration.ofSeconds(65)));
    assertEquals("2 h 05 min", Progress.span(Duration.ofMinutes(125)));
  }
}
