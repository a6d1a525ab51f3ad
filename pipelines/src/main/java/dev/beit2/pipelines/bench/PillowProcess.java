package dev.beit2.pipelines.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A Python process that does with Pillow what the benchmark does here: {@code pillow_bench.py}. */
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
   * Starts it; empty where {@code python3}, Pillow or numpy is missing.
   *
   * @param folder for the script and what Python has to say
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
      // Pillow at its best: glibc otherwise gives each picture's memory back to the system, or not,
      // as it happens, which makes up to a factor of two from one process to the next.
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

  /** Of Pillow and its libraries. */
  String version() {
    return version;
  }

  /**
   * Does one pass over the files.
   *
   * @param what {@code decode} or {@code view}
   * @return the seconds of processor time that it took
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
