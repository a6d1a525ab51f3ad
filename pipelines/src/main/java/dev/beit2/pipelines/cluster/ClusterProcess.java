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
 * A JVM that outlives the one that started it. {@code DIR/NAME.pid} holds its process number,
 * {@code DIR/NAME.log} its output, and {@code DIR/tmp/NAME} its temporary files.
 *
 * @param directory of the cluster, absolute
 * @param name such as {@code taskmanager-1}
 */
record ClusterProcess(Path directory, String name) {
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
   * Starts the process and returns without waiting for it.
   *
   * @param jvm arguments of the JVM, without class path and main class
   * @param command main class and its arguments
   */
  void start(List<String> jvm, String classPath, List<String> command) throws IOException {
    Files.createDirectories(temporary());
    List<String> line = new ArrayList<>(detached());
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.add(identity());
    line.add("-Djava.io.tmpdir=" + temporary());
    line.addAll(jvm);
    line.addAll(command);
    ProcessBuilder builder =
        new ProcessBuilder(line)
            .directory(directory.toFile()) // what a crash leaves lies beside the logs
            .redirectInput(Redirect.from(Path.of("/dev/null").toFile()))
            .redirectErrorStream(true)
            .redirectOutput(Redirect.appendTo(log().toFile()));
    // Not an argument: it is long, and the system cuts off the arguments that it reports.
    builder.environment().put("CLASSPATH", classPath);
    // As ./beit2 sets them, and where it says why.
    if (!builder.environment().containsKey("OMP_WAIT_POLICY")) {
      builder.environment().putIfAbsent("GOMP_SPINCOUNT", "1000");
    }
    if (!builder.environment().containsKey("GLIBC_TUNABLES")) {
      builder.environment().putIfAbsent("MALLOC_ARENA_MAX", "2");
    }
    builder.environment().putIfAbsent("OPENCV_LOG_LEVEL", "SILENT");
    Files.writeString(pidFile(), builder.start().pid() + "\n");
  }

  /** Keeps the end of the terminal, and its Ctrl-C, from ending the cluster. */
  private static List<String> detached() {
    return Stream.of("/usr/bin/setsid", "/bin/setsid", "/usr/bin/nohup")
        .filter(path -> Files.isExecutable(Path.of(path)))
        .limit(1)
        .toList();
  }

  /** An argument that tells this process from a later one with the same process number. */
  private String identity() {
    return "-Dbeit2.cluster=" + directory.resolve(name);
  }

  /** The process, if it is alive. */
  Optional<ProcessHandle> handle() throws IOException {
    if (!Files.exists(pidFile())) {
      return Optional.empty();
    }
    String pid = Files.readString(pidFile()).strip();
    return pid.matches("\\d{1,18}")
        ? ProcessHandle.of(Long.parseLong(pid)).filter(this::isThis)
        : Optional.empty();
  }

  // A zombie process has no arguments.
  private boolean isThis(ProcessHandle process) {
    return process.info().arguments().map(List::of).orElse(List.of()).contains(identity());
  }

  boolean alive() throws IOException {
    return handle().isPresent();
  }

  /** Asks the process to end (SIGTERM). */
  void terminate() throws IOException {
    handle().ifPresent(ProcessHandle::destroy);
  }

  /** Kills the process (SIGKILL) and returns when it is gone. */
  void kill() throws IOException, InterruptedException {
    handle().ifPresent(ProcessHandle::destroyForcibly);
    while (alive()) {
      Thread.sleep(10);
    }
  }

  /**
   * Waits for a process that was asked to end, kills it if it takes too long, and deletes its pid
   * file.
   */
  void awaitEnd() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TERMINATION.toNanos();
    while (alive() && System.nanoTime() < deadline) {
      Thread.sleep(20);
    }
    kill();
    Files.deleteIfExists(pidFile());
  }

  /** The last error in the log with the lines that follow it, or the log's last lines. */
  String endOfLog() throws IOException {
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
