package dev.beit2.pipelines.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

final class LongStepTest {
  private final PrintStream stderr = System.err;
  private final ByteArrayOutputStream written = new ByteArrayOutputStream();

  @BeforeEach
  void capture() {
    System.setErr(new PrintStream(written, true, UTF_8));
  }

  @AfterEach
  void restore() {
    System.setErr(stderr);
  }

  /** Waits for the line in which the step is announced. */
  private String whenAnnounced() throws InterruptedException {
    while (written.size() == 0) {
      Thread.sleep(1);
    }
    return written.toString(UTF_8);
  }

  @Test
  void aLongStepIsTold() throws Exception {
    assertEquals(
        "listing gs://b/\\u001b ...\n",
        LongStep.run("listing gs://b/\u001b", this::whenAnnounced, Duration.ofMillis(1)));
    assertTrue(written.toString(UTF_8).endsWith(" took 0 s\n"), written.toString(UTF_8));
  }

  @Test
  void aShortStepIsNot() {
    assertEquals(5, LongStep.run("listing", () -> 5, Duration.ofHours(1)));
    assertEquals("", written.toString(UTF_8));
  }

  @Test
  void aStepThatFailsFails() {
    assertThrows(
        IOException.class,
        () ->
            LongStep.run(
                "listing",
                () -> {
                  throw new IOException("broken");
                },
                Duration.ofHours(1)));
  }
}
