package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;

/** Other programs. */
final class Processes {
  private Processes() {}

  /** Runs a program, which must succeed, and returns what it has said. */
  static String said(ProcessBuilder program) throws IOException, InterruptedException {
    Process process = program.start();
    process.getOutputStream().close();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8);
    assertEquals(0, process.waitFor(), program.command() + "\n" + said);
    return said;
  }
}
