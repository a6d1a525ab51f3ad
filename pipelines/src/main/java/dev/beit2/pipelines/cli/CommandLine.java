package dev.beit2.pipelines.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InvalidInputException;
import dev.beit2.pipelines.flink.Submission;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.IntSupplier;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * What every {@code main} does: it turns arguments into options, answers {@code --help}, and turns
 * failures into messages and exit codes.
 */
public final class CommandLine {
  /** Exit code: the command has succeeded. */
  public static final int OK = 0;

  /** Exit code: the command has failed, or has found a problem that it looks for. */
  public static final int FAILED = 1;

  /** Exit code: an option, an input or the machine cannot be used; nothing must be undone. */
  public static final int INVALID = 2;

  /** Commands whose work is one job, after which they have nothing to do but to tell of it. */
  private static final Set<String> ONE_JOB = Set.of("tokenize");

  private CommandLine() {}

  /**
   * Runs a command; returns if it succeeds and ends the JVM otherwise. Where Flink runs it without
   * waiting for its job, which may be in the JVM of a JobManager, a failure is an exception.
   */
  public static void main(Command<?> command, String[] args) {
    if (Submission.current().filter(Submission::detached).isPresent()) {
      submit(command, args);
    } else {
      main(() -> run(command, args, System.out, System.err));
    }
  }

  private static void submit(Command<?> command, String[] args) {
    if (!ONE_JOB.contains(command.name())) {
      throw new IllegalStateException(
          "%s: found a submission of one job, for which nobody waits; wanted flink run without --detached, or ./beit2 %1$s --flinkMaster=HOST:PORT"
              .formatted(command.name()));
    }
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    int code = run(command, args, System.out, new PrintStream(said, true, UTF_8));
    if (code != OK) {
      throw new IllegalStateException(said.toString(UTF_8).strip());
    }
  }

  /**
   * Runs what returns an exit code, on a machine that is fit for it; returns if it succeeds and
   * ends the JVM otherwise. To lose what was printed is no success.
   */
  public static void main(IntSupplier command) {
    Locale.setDefault(Locale.ROOT);
    Optional<String> unfit = Machine.unfit();
    unfit.ifPresent(System.err::println);
    int code = unfit.isPresent() ? INVALID : command.getAsInt();
    if (System.out.checkError() && code == OK) {
      System.err.println(
          "standard output: found it full or closed; wanted one that takes what is printed");
      code = INVALID;
    }
    if (code != OK) {
      System.exit(code);
    }
  }

  /**
   * Runs a command and returns its exit code; help goes to {@code out}, failures to {@code err}.
   */
  public static <OptionsT extends PipelineOptions> int run(
      Command<OptionsT> command, String[] args, PrintStream out, PrintStream err) {
    try {
      Optional<String> topic = Help.topic(args);
      if (topic.isPresent()) {
        Help.print(command, topic.get(), out);
        return OK;
      }
      OptionsT options = parse(command, args);
      RunnerSetup.prepareCluster(options);
      GcsEndpoint.requireServer(options.as(GcsOptions.class).getGcsEndpoint());
      // For files that are read before there is a pipeline, or without one.
      FileSystems.setDefaultPipelineOptions(options);
      requireFileSystems(command, options);
      return command.body().run(options);
    } catch (SubmittedException submitted) {
      return OK;
    } catch (Throwable failure) {
      return Failures.print(failure, command.name(), err);
    }
  }

  /**
   * Checks that there is a file system for each path.
   *
   * @throws InvalidOptionException if a path has a scheme that is not known
   */
  private static void requireFileSystems(Command<?> command, PipelineOptions options) {
    for (Option option : Option.of(command.options())) {
      if (option.get(options) instanceof String text) {
        try {
          InputFiles.requireFileSystem(text);
        } catch (InvalidInputException e) {
          throw new InvalidOptionException(option.given(text), e.found(), e.wanted());
        }
      }
    }
  }

  /**
   * The options of a command, including defaults that depend on the preset or the runner. Arguments
   * that the command does not declare must be options of a Beam runner on the class path.
   *
   * @throws InvalidOptionException if an argument is not an option, a value is not accepted, or a
   *     required option is missing
   */
  public static <OptionsT extends PipelineOptions> OptionsT parse(
      Command<OptionsT> command, String[] args) {
    Arguments<OptionsT> arguments = Arguments.of(command, args);
    OptionsT options = arguments.toOptions();
    RunnerSetup.applyDefaults(command, arguments.given(), options);
    GcsEndpoint.apply(arguments.given(), options);
    return options;
  }
}
