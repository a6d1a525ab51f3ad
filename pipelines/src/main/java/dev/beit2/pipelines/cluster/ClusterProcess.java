package dev.beit2.pipelines.cluster;

import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A JVM that outlives the one that started it: {@code DIR/NAME.pid} says which process it is,
 * {@code DIR/NAME.log} what it wrote, {@code DIR/tmp/NAME} is for what it needs while it lives.
 *
 * @param directory of the cluster, absolute
 * @param name such as {@code taskmanager-1}
 */
public record ClusterProcess(Path directory, String name) {
  private static final int LOG_LINES = 20;
  private static final Duration TERMINATION = Duration.ofSeconds(5);

  Path pidFile() {
    return directory.resolve(name + ".pid");
  }

  Path log() {
    return directory.resolve(name + ".log");
  }

  Path temporary() {
    return directory.resolve("tmp").resolve(name);
  }

  /**
   * Starts it; returns without waiting for what it does.
   *
   * @param jvm arguments of the JVM, class path and main class apart
   * @param command main class and its arguments
   */
  void start(List<String> jvm, String classPath, List<String> command) throws IOException {
    Files.createDirectories(temporary());
    List<String> line = new ArrayList<>(detached());
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.add(mark());
    line.add("-Djava.io.tmpdir=" + temporary());
    line.addAll(jvm);
    line.addAll(command);
    ProcessBuilder builder =
        new ProcessBuilder(line)
            .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
            .redirectErrorStream(true)
            .redirectOutput(Redirect.appendTo(log().toFile()));
    // Not an argument, so that what the system tells of a process still reaches to the mark.
    builder.environment().put("CLASSPATH", classPath);
    // Threads of several processes share the cores: they had better not spin.
    builder.environment().put("OMP_WAIT_POLICY", "PASSIVE");
    builder.environment().put("OPENCV_LOG_LEVEL", "SILENT");
    Files.writeString(pidFile(), builder.start().pid() + "\n");
  }

  /** Neither the end of a terminal nor its Ctrl-C is meant for a cluster. */
  private static List<String> detached() {
    return Stream.of("/usr/bin/setsid", "/bin/setsid", "/usr/bin/nohup")
        .filter(path -> Files.isExecutable(Path.of(path)))
        .limit(1)
        .toList();
  }

  /** What tells it from a process that got the same number later. */
  private String mark() {
    return "-Dbeit2.cluster=" + directory.resolve(name);
  }

  /** The living process. */
  public Optional<ProcessHandle> handle() throws IOException {
    if (!Files.exists(pidFile())) {
      return Optional.empty();
    }
    String pid = Files.readString(pidFile()).strip();
    return pid.matches("\\d{1,18}")
        ? ProcessHandle.of(Long.parseLong(pid)).filter(this::isThis)
        : Optional.empty();
  }

  // A process that ended and that nobody waited for has no arguments any more.
  private boolean isThis(ProcessHandle process) {
    return process.info().arguments().map(List::of).orElse(List.of()).contains(mark());
  }

  boolean alive() throws IOException {
    return handle().isPresent();
  }

  /** Asks it to end (SIGTERM). */
  void terminate() throws IOException {
    handle().ifPresent(ProcessHandle::destroy);
  }

  /** Ends it at once (SIGKILL), and returns when it is gone. */
  void kill() throws IOException, InterruptedException {
    handle().ifPresent(ProcessHandle::destroyForcibly);
    while (alive()) {
      Thread.sleep(10);
    }
  }

  /** Waits for the end of a process that was asked to, ends it otherwise, and forgets it. */
  void bury() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TERMINATION.toNanos();
    while (alive() && System.nanoTime() < deadline) {
      Thread.sleep(20);
    }
    kill();
    Files.deleteIfExists(pidFile());
  }

  /** What the log says of an error, or its last lines if it says of none. */
  String lastWords() throws IOException {
    if (!Files.exists(log())) {
      return "";
    }
    List<String> lines = Files.readAllLines(log());
    int error = lines.size() - 1;
    while (error >= 0 && !lines.get(error).contains(" ERROR ")) {
      error--;
    }
    int first = error < 0 ? Math.max(0, lines.size() - LOG_LINES) : error;
    return String.join("\n", lines.subList(first, Math.min(first + LOG_LINES, lines.size())));
  }
}
