package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** Runs commands as their mains do, in this JVM or in one of their own. */
public final class Commands {
  private Commands() {}

  /** The exit code of a command, and what it wrote to stderr. */
  public record Ended(int code, String said) {
    public Ended expect(int wanted) {
      assertEquals(wanted, code, said);
      return this;
    }
  }

  /** Runs a command in this JVM. */
  public static Ended run(Command<?> command, List<String> args) {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int code =
        CommandLine.run(
            command,
            args.toArray(String[]::new),
            new PrintStream(new ByteArrayOutputStream(), true, UTF_8),
            new PrintStream(err, true, UTF_8));
    return new Ended(code, err.toString(UTF_8));
  }

  /**
   * Runs a command in this JVM on Beam's Direct runner, which starts sooner than Flink does: for
   * tests of what a command computes, not of how Flink runs it.
   */
  public static Ended runDirectly(Command<?> command, List<String> args) {
    return run(command, Stream.concat(args.stream(), Stream.of("--runner=DirectRunner")).toList());
  }

  /** A command that runs in a process of its own, started as {@code ./beit2} starts it. */
  public record Started(Process process, Path err) {
    /** Waits until the process ends. */
    public Ended ended() {
      try {
        return new Ended(process.waitFor(), Files.readString(err));
      } catch (IOException | InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  /**
   * Starts a command in a process of its own.
   *
   * @param err file for what it writes to stderr
   */
  public static Started start(Class<?> main, List<String> args, Path err) throws IOException {
    return start(List.of(), main, args, err);
  }

  /**
   * Starts a command in a process of its own through another program.
   *
   * @param launcher that program and its arguments, such as {@code unshare --mount}
   * @param err file for what it writes to stderr
   */
  public static Started start(List<String> launcher, Class<?> main, List<String> args, Path err)
      throws IOException {
    List<String> line = new ArrayList<>(launcher);
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.matches("--add-opens.*|-XX:.*"))
        .forEach(line::add);
    line.add("-Dbeit2.home=" + System.getProperty("beit2.home"));
    String libraries = Files.readString(Path.of("target/classpath")).strip();
    String classes = "target/classes:../io/target/classes:../model/target/classes:";
    line.addAll(List.of("-cp", classes + libraries, main.getName()));
    line.addAll(args);
    Process process =
        new ProcessBuilder(line)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(err.toFile())
            .start();
    return new Started(process, err);
  }

  /** Waits until a condition holds. It fails only if something hangs: after ten minutes. */
  public static void await(String what, Callable<Boolean> condition) throws Exception {
    long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(10);
    while (!condition.call()) {
      assertTrue(System.nanoTime() < deadline, () -> "waited ten minutes for " + what);
      Thread.sleep(5);
    }
  }

  /** The paths below a folder, each with a digest of its bytes; a folder has none. */
  public static Map<String, String> digests(Path folder) throws IOException {
    Map<String, String> digests = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(folder)) {
      for (Path path : walk.toList()) {
        byte[] bytes = Files.isDirectory(path) ? new byte[0] : Files.readAllBytes(path);
        digests.put(folder.relativize(path).toString(), digest(bytes));
      }
    }
    return digests;
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Copies sample photographs of the training set into folders named after their classes. */
  public static void copyImages(Path to, int ofEachClass, String... classes) throws IOException {
    copyImages("train", to, ofEachClass, classes);
  }

  /**
   * Copies sample photographs into folders named after their classes.
   *
   * @param part {@code train} or {@code val}
   */
  public static void copyImages(String part, Path to, int ofEachClass, String... classes)
      throws IOException {
    for (String name : classes) {
      Path folder = Files.createDirectories(to.resolve(name));
      try (Stream<Path> files = Files.list(Path.of("samples", part, name))) {
        for (Path file : files.sorted().limit(ofEachClass).toList()) {
          Files.copy(file, folder.resolve(file.getFileName()));
        }
      }
    }
  }

  /** Copies a folder with everything in it. */
  public static Path copyFolder(Path from, Path to) throws IOException {
    try (Stream<Path> walk = Files.walk(from)) {
      for (Path path : walk.toList()) {
        Files.copy(path, to.resolve(from.relativize(path).toString()));
      }
    }
    return to;
  }
}
