package dev.beit2.pipelines.cli;

import dev.beit2.io.InvalidInputException;
import dev.beit2.pipelines.flink.FlinkJobs;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.beam.sdk.util.UserCodeException;
import org.apache.flink.util.SerializedThrowable;

/** Turns the failure of a command into a message and an exit code. */
final class Failures {
  private static final int FRAMES = 10;
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
    printTrace(failure, err);
    return CommandLine.FAILED;
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
                    "an image is larger than the %d MB that Flink can group here; wanted"
                        + " --maxImageMegabytes=%d, which rejects and lists such images, or a"
                        + " smaller --parallelism, or --storeSize",
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
   * Prints the stack trace of a failure. If a job has failed, only what its own code has thrown is
   * printed: the rest is Flink's, long, and always the same.
   */
  private static void printTrace(Throwable failure, PrintStream err) {
    List<Throwable> causes = causes(failure);
    if (causes.stream().noneMatch(cause -> cause.getClass().getName().startsWith(FLINK))) {
      failure.printStackTrace(err);
      return;
    }
    int thrown = causes.size() - 1;
    while (thrown > 0 && !(causes.get(thrown - 1) instanceof UserCodeException)) {
      thrown--;
    }
    String heading = "the job failed: ";
    for (Throwable cause :
        causes.subList(thrown == 0 ? causes.size() - 1 : thrown, causes.size())) {
      err.println(heading + cause);
      framesToOurs(cause).forEach(frame -> err.println("\tat " + frame));
      heading = "caused by: ";
    }
  }

  /** The frames down to the last one of this project; if there is none, the first few. */
  private static List<StackTraceElement> framesToOurs(Throwable failure) {
    List<StackTraceElement> trace = List.of(failure.getStackTrace());
    int end = trace.size();
    while (end > 0 && !trace.get(end - 1).getClassName().startsWith("dev.beit2.")) {
      end--;
    }
    return trace.subList(0, end > 0 ? end : Math.min(trace.size(), FRAMES));
  }
}
