package dev.beit2.pipelines.bench;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;

/** Another process that keeps one processor busy, until it is closed or this process ends. */
record BusyProcess(Process process) implements AutoCloseable {
  static BusyProcess start() throws IOException {
    String loop = "while kill -0 " + ProcessHandle.current().pid() + "; do :; done";
    return new BusyProcess(
        new ProcessBuilder("sh", "-c", loop)
            .redirectOutput(Redirect.DISCARD)
            .redirectError(Redirect.DISCARD)
            .start());
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
