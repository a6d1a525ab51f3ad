package dev.beit2.pipelines.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * A Python process that does the same work as the benchmark, with Pillow: {@code pillow_bench.py}.
 */
final class PillowProcess implements AutoCloseable {
  private static final String SCRIPT = "pillow_bench.py";
  private static final String KEPT_BYTES = Long.toString(256L << 20);

  private final Process process;
  private final BufferedReader answers;
  private final Writer requests;
  private String version;

  private PillowProcess(Process process) {
    this.process = process;
    this.answers = process.inputReader(UTF_8);
    this.requests = process.outputWriter(UTF_8);
  }

  /**
   * Starts the process; empty if {@code python3}, Pillow or numpy is missing.
   *
   * @param folder for the script and its messages
   * @param boxes lines of path, left, top, right, bottom
   */
  static Optional<PillowProcess> start(Path folder, Path boxes) throws IOException {
    Path script = folder.resolve(SCRIPT);
    try (InputStream in = PillowProcess.class.getResourceAsStream(SCRIPT)) {
      Files.copy(in, script);
    }
    Process process;
    try {
      ProcessBuilder python =
          new ProcessBuilder("python3", script.toString(), boxes.toString())
              .redirectError(folder.resolve("python.txt").toFile());
      // Show Pillow at its best: otherwise glibc may return the memory of each image to the system,
      // which makes some processes up to twice as slow as others.
      python.environment().put("MALLOC_MMAP_THRESHOLD_", KEPT_BYTES);
      python.environment().put("MALLOC_TRIM_THRESHOLD_", KEPT_BYTES);
      process = python.start();
    } catch (IOException e) {
      return Optional.empty(); // No python3.
    }
    PillowProcess pillow = new PillowProcess(process);
    pillow.version = pillow.answers.readLine();
    if (pillow.version == null) {
      pillow.close();
      return Optional.empty();
    }
    return Optional.of(pillow);
  }

  /** The versions of Pillow and its libraries. */
  String version() {
    return version;
  }

  /**
   * Makes one pass over the files.
   *
   * @param what {@code decode} or {@code view}
   * @return the processor time in seconds
   */
  double seconds(String what) throws IOException {
    requests.write(what + "\n");
    requests.flush();
    String answer = answers.readLine();
    if (answer == null) {
      throw new IOException("python3 " + SCRIPT + " ended early");
    }
    return Double.parseDouble(answer);
  }

  @Override
  public void close() throws IOException {
    requests.close(); // The script ends with its input.
    process.destroy();
  }
}
