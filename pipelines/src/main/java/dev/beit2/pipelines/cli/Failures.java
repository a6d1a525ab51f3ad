package dev.beit2.pipelines.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.io.InvalidInputException;
import dev.beit2.pipelines.flink.FlinkJobs;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.beam.sdk.util.UserCodeException;
import org.apache.flink.util.SerializedThrowable;

/** Turns the failure of a command into a message and an exit code. */
final class Failures {
  private static final String FLINK = "org.apache.flink.";
  private static final Pattern SORT_BUFFER =
      Pattern.compile("maximum size of a sort buffer \\(current maximum: (\\d+) bytes\\)");

  private Failures() {}

  /** Prints a failure of a command and returns the exit code. */
  static int print(Throwable failure, String command, PrintStream err) {
    Optional<String> invalid = invalid(failure);
    if (invalid.isPresent()) {
      err.println(invalid.get() + " (see ./beit2 " + command + " --help)");
      return CommandLine.INVALID;
    }
    if (failure instanceof RunStoppedException) {
      err.println(failure.getMessage());
      return CommandLine.FAILED;
    }
    Optional<String> lost = FlinkJobs.lost(causes(failure));
    if (lost.isPresent()) {
      err.println(
          "the job is lost: " + lost.get() + "; the same command continues from what was done");
      return CommandLine.FAILED;
    }
    Optional<String> tooLarge = largerThanSortBuffer(causes(failure));
    if (tooLarge.isPresent()) {
      err.println(tooLarge.get());
      return CommandLine.INVALID;
    }
    Optional<String> trouble = Machine.trouble(causes(failure));
    String what = trouble.orElseGet(() -> command + " failed: " + told(failure));
    Optional<Path> trace = traceFile(failure, command);
    err.println(oneLine(what) + trace.map(file -> " (stack trace: " + file + ")").orElse(""));
    if (trace.isEmpty() && trouble.isEmpty()) {
      failure.printStackTrace(err); // Nowhere else to put it.
    }
    return trouble.isPresent() ? CommandLine.INVALID : CommandLine.FAILED;
  }

  private static String oneLine(String text) {
    return text.strip().replaceAll("\\s*\\R\\s*", " ");
  }

  /** What to do if Flink cannot group an image, because the memory that it has is too small. */
  private static Optional<String> largerThanSortBuffer(List<Throwable> causes) {
    return causes.stream()
        .map(cause -> SORT_BUFFER.matcher(String.valueOf(cause.getMessage())))
        .filter(Matcher::find)
        .map(message -> Long.parseLong(message.group(1)) >> 20)
        .map(
            megabytes ->
                String.format(
                    Locale.ROOT,
                    "found an image larger than the %d MB that Flink can group here; wanted"
                        + " taskmanager.runtime.large-record-handler: true in --flinkConfDir, a larger"
                        + " heap (BEIT2_HEAP), a smaller --parallelism, or --maxImageMegabytes=%d,"
                        + " which rejects and lists such images",
                    megabytes,
                    Math.max(1, megabytes - 1)))
        .findFirst();
  }

  /** The message, if an option or an input was invalid, here or on a worker. */
  private static Optional<String> invalid(Throwable failure) {
    return causes(failure).stream()
        .filter(
            cause ->
                cause instanceof InvalidOptionException || cause instanceof InvalidInputException)
        .map(Throwable::getMessage)
        .findFirst();
  }

  /** A failure and its causes. Those that a Flink cluster has sent are deserialized. */
  private static List<Throwable> causes(Throwable failure) {
    List<Throwable> causes = new ArrayList<>();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SerializedThrowable sent) {
        causes.add(sent);
        cause = sent.deserializeError(Failures.class.getClassLoader());
      }
      causes.add(cause);
    }
    return causes;
  }

  /**
   * A failure and its causes in words. If a job has failed, only what its own code has thrown is
   * told: the rest is Flink's, long, and always the same.
   */
  private static String told(Throwable failure) {
    List<Throwable> causes = causes(failure);
    int first = 0;
    if (causes.stream().anyMatch(cause -> cause.getClass().getName().startsWith(FLINK))) {
      first = causes.size() - 1;
      while (first > 0 && !(causes.get(first - 1) instanceof UserCodeException)) {
        first--;
      }
      first = first == 0 ? causes.size() - 1 : first;
    }
    return causes.subList(first, causes.size()).stream()
        .map(Throwable::toString)
        .collect(Collectors.joining(", caused by "));
  }

  /** Writes the stack trace into the folder of temporary files, if that is possible. */
  private static Optional<Path> traceFile(Throwable failure, String command) {
    try {
      Path file = Files.createTempFile("beit2-" + command + "-", ".log");
      try (PrintStream trace = new PrintStream(Files.newOutputStream(file), true, UTF_8)) {
        failure.printStackTrace(trace);
        return trace.checkError() ? Optional.empty() : Optional.of(file);
      }
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
