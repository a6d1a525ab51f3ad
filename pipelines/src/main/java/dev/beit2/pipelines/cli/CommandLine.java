package dev.beit2.pipelines.cli;

import dev.beit2.io.InvalidInputException;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.train.TrainingOptions;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.annotation.Nullable;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.extensions.gcp.util.gcsfs.GcsPath;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.ApplicationNameOptions;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.util.UserCodeException;
import org.apache.flink.util.SerializedThrowable;

/**
 * What every {@code main} does: arguments to options, {@code --help}, and failures to one line and
 * an exit code. An argument that a command does not know has to be an option of some Beam runner on
 * the class path.
 */
public final class CommandLine {
  /** Exit code: the command did what it should. */
  public static final int OK = 0;

  /** Exit code: it failed, or found what it looks for. */
  public static final int FAILED = 1;

  /**
   * Exit code: an option or an input cannot be used; no work was begun that another start would not
   * repeat.
   */
  public static final int INVALID = 2;

  private static final int WIDTH = 100;
  private static final String ENDPOINT = "gcsEndpoint";
  private static final Map<String, String> TRAININGS_OWN =
      Map.of(
          "jobName", "its jobs are called by its command and --output",
          "parallelism", "it has a task for each of its --workers");
  private static final int FRAMES = 10;
  private static final String FLINK = "org.apache.flink.";
  private static final String JOB_JAR = "pipelines/target/beit2-job.jar";
  private static final int CONNECT_MILLISECONDS = 5000;
  private static final Pattern URL =
      Pattern.compile("(?<server>(?<scheme>https?)://[\\w.-]+(:\\d+)?)/?(?<path>.*)");

  private CommandLine() {}

  /** Runs a command; returns if it went well and ends the JVM otherwise. */
  public static void main(Command<?> command, String[] args) {
    int code = run(command, args, System.out, System.err);
    if (code != OK) {
      System.exit(code);
    }
  }

  /**
   * Runs a command, with what it says going to {@code out} and {@code err}; returns the exit code.
   */
  public static <OptionsT extends PipelineOptions> int run(
      Command<OptionsT> command, String[] args, PrintStream out, PrintStream err) {
    try {
      Optional<String> topic = help(args);
      if (topic.isPresent()) {
        printHelp(command, topic.get(), out);
        return OK;
      }
      OptionsT options = parse(command, args);
      prepareCluster(options);
      requireServer(options.as(GcsOptions.class).getGcsEndpoint());
      // For what is read before there is a pipeline, or without one.
      FileSystems.setDefaultPipelineOptions(options);
      return command.body().run(options);
    } catch (Throwable failure) {
      Optional<String> invalid = invalid(failure);
      if (invalid.isPresent()) {
        err.println(invalid.get() + " (see ./beit2 " + command.name() + " --help)");
        return INVALID;
      }
      if (failure instanceof RunStoppedException) {
        err.println(failure.getMessage());
        return FAILED;
      }
      Optional<String> lost = FlinkJobs.lost(causes(failure));
      if (lost.isPresent()) {
        err.println(
            "the job is lost: " + lost.get() + "; the same command goes on with what was done");
        return FAILED;
      }
      print(failure, err);
      return FAILED;
    }
  }

  /** The message of what was invalid, if that is why something failed, here or in a worker. */
  static Optional<String> invalid(Throwable failure) {
    return causes(failure).stream()
        .filter(
            cause ->
                cause instanceof InvalidOptionException || cause instanceof InvalidInputException)
        .map(Throwable::getMessage)
        .findFirst();
  }

  /** A failure and its causes; those that a Flink cluster sent, as they were thrown there. */
  private static List<Throwable> causes(Throwable failure) {
    List<Throwable> causes = new ArrayList<>();
    for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
      if (cause instanceof SerializedThrowable sent) {
        causes.add(sent);
        cause = sent.deserializeError(CommandLine.class.getClassLoader());
      }
      causes.add(cause);
    }
    return causes;
  }

  /**
   * The whole trace of a failure. Of a job that failed only what its own code threw, and where:
   * Flink's way from there to here is long and the same each time.
   */
  private static void print(Throwable failure, PrintStream err) {
    List<Throwable> causes = causes(failure);
    if (causes.stream().noneMatch(cause -> cause.getClass().getName().startsWith(FLINK))) {
      failure.printStackTrace(err);
      return;
    }
    int thrown = causes.size() - 1;
    while (thrown > 0 && !(causes.get(thrown - 1) instanceof UserCodeException)) {
      thrown--;
    }
    List<Throwable> own = causes.subList(thrown == 0 ? causes.size() - 1 : thrown, causes.size());
    String heading = "the job failed: ";
    for (Throwable cause : own) {
      err.println(heading + cause);
      ownTrace(cause).forEach(frame -> err.println("\tat " + frame));
      heading = "caused by: ";
    }
  }

  /** The calls down to the last of ours; where there is none, a few. */
  private static List<StackTraceElement> ownTrace(Throwable failure) {
    List<StackTraceElement> trace = List.of(failure.getStackTrace());
    int end = trace.size();
    while (end > 0 && !trace.get(end - 1).getClassName().startsWith("dev.beit2.")) {
      end--;
    }
    return trace.subList(0, end > 0 ? end : Math.min(trace.size(), FRAMES));
  }

  /**
   * The options of a command, complete with the defaults that depend on the preset or the runner.
   *
   * @throws InvalidOptionException if an argument is no option, or no value that it takes, or a
   *     required one is missing
   */
  public static <OptionsT extends PipelineOptions> OptionsT parse(
      Command<OptionsT> command, String[] args) {
    Map<String, Option> own = new LinkedHashMap<>();
    Option.of(command.options()).forEach(option -> own.put(option.name(), option));
    Map<String, String> given =
        split(args, own.values().stream().filter(Option::positional).findFirst());
    List<String> runnerArgs = new ArrayList<>();
    Set<String> known = runnerOptions();
    given.forEach(
        (name, value) -> {
          if (own.containsKey(name)) {
            own.get(name).parse(value);
            requireObjectName(own.get(name).given(value), value);
          } else if (known.contains(name)) {
            runnerArgs.add("--" + name + "=" + value);
          } else {
            throw new InvalidOptionException(
                "--" + name + "=" + value,
                "no option of this name",
                "one of "
                    + own.values().stream().map(Option::label).collect(Collectors.joining(", ")));
          }
        });
    runnerArgs.forEach(CommandLine::requireTaken);
    OptionsT options =
        PipelineOptionsFactory.fromArgs(runnerArgs.toArray(String[]::new)).as(command.options());
    for (Option option : own.values()) {
      if (given.containsKey(option.name())) {
        option.set(options, option.parse(given.get(option.name())));
      } else if (option.required()) {
        throw new InvalidOptionException(option.label(), "nothing", "it: " + option.description());
      }
    }
    // What jobs are called, with a time and a number, unless --jobName says otherwise.
    options.as(ApplicationNameOptions.class).setAppName(command.name());
    requireOneOfEachPair(own, given);
    requireNotATrainingsOwn(command, given);
    applyPreset(own, given, options);
    applyRunner(command, given, options);
    applyEndpoint(given, options);
    return options;
  }

  /**
   * {@code --name=value} by name; {@code --name} alone is {@code --name=true}, and what has no name
   * is the positional option's.
   */
  private static Map<String, String> split(String[] args, Optional<Option> positional) {
    Map<String, String> given = new LinkedHashMap<>();
    for (String arg : args) {
      if (!arg.startsWith("-") && positional.isPresent()) {
        if (given.put(positional.get().name(), arg) != null) {
          throw new InvalidOptionException("'" + arg + "'", "it beside another", "one");
        }
        continue;
      }
      if (!arg.matches("(?s)--[A-Za-z][A-Za-z0-9]*(=.*)?")) {
        throw new InvalidOptionException("'" + arg + "'", "no option", "--option=value");
      }
      int equals = arg.indexOf('=');
      String name = arg.substring(2, equals < 0 ? arg.length() : equals);
      String value = equals < 0 ? "true" : arg.substring(equals + 1);
      if (given.put(name, value) != null) {
        throw new InvalidOptionException("--" + name, "it twice", "it once");
      }
    }
    return given;
  }

  /** The names of all options that Beam and the runners on the class path know. */
  private static Set<String> runnerOptions() {
    Set<String> names = new LinkedHashSet<>();
    for (Class<? extends PipelineOptions> options : PipelineOptionsFactory.getRegisteredOptions()) {
      for (Method method : options.getMethods()) {
        if (method.getName().startsWith("set") && method.getParameterCount() == 1) {
          names.add(Option.propertyName(method));
        }
      }
    }
    return names;
  }

  private static void requireTaken(String arg) {
    try {
      PipelineOptionsFactory.fromArgs(arg).create();
    } catch (IllegalArgumentException e) {
      throw new InvalidOptionException(
          arg,
          "a value that Beam does not take",
          "what it says: " + e.getMessage().lines().findFirst().orElse(""));
    }
  }

  /** Beam would say it where the path is first used, without the option. */
  private static void requireObjectName(String arg, String value) {
    if (value.startsWith("gs://")) {
      try {
        GcsPath.fromUri(value);
      } catch (IllegalArgumentException e) {
        throw new InvalidOptionException(
            arg, "no name of an object", "gs://BUCKET/PATH (" + e.getMessage() + ")");
      }
    }
  }

  private static void applyPreset(
      Map<String, Option> own, Map<String, String> given, PipelineOptions options) {
    if (!own.containsKey("preset")) {
      return;
    }
    String preset = (String) own.get("preset").get(options);
    for (Option option : own.values()) {
      String value = option.presetDefault(preset);
      if (!given.containsKey(option.name())
          && !given.containsKey(option.insteadOf())
          && !value.isEmpty()) {
        option.set(options, option.parse(value));
      }
    }
  }

  /**
   * What a training decides itself: by their name its jobs are found again, whoever submitted them,
   * and more tasks than workers would only wait for slots.
   */
  private static void requireNotATrainingsOwn(Command<?> command, Map<String, String> given) {
    if (!trains(command)) {
      return;
    }
    TRAININGS_OWN.forEach(
        (name, instead) -> {
          if (given.containsKey(name)) {
            throw new InvalidOptionException(
                "--" + name + "=" + given.get(name), "it with a training", "none: " + instead);
          }
        });
  }

  private static boolean trains(Command<?> command) {
    return TrainingOptions.class.isAssignableFrom(command.options());
  }

  private static void requireOneOfEachPair(Map<String, Option> own, Map<String, String> given) {
    for (Option option : own.values()) {
      if (given.containsKey(option.name()) && given.containsKey(option.insteadOf())) {
        throw new InvalidOptionException(
            "--%s=%s --%s=%s"
                .formatted(
                    option.name(),
                    given.get(option.name()),
                    option.insteadOf(),
                    given.get(option.insteadOf())),
            "both",
            "one of them");
      }
    }
  }

  /** Flink inside this JVM, unless another runner or cluster is asked for. */
  private static void applyRunner(
      Command<?> command, Map<String, String> given, PipelineOptions options) {
    if (!given.containsKey("runner")) {
      options.setRunner(FlinkRunner.class);
    }
    if (options.getRunner() == FlinkRunner.class) {
      FlinkPipelineOptions flink = options.as(FlinkPipelineOptions.class);
      if (!given.containsKey("flinkMaster")) {
        flink.setFlinkMaster("[local]");
      }
      if (flink.getFlinkMaster().equals("[local]") && !given.containsKey("parallelism")) {
        flink.setParallelism(command.localParallelism());
      }
    }
  }

  /**
   * {@code --gcsEndpoint=http://HOST:PORT} is all that another server than Google's needs: the
   * API's path is the usual one, and credentials are not for an unencrypted connection.
   */
  private static void applyEndpoint(Map<String, String> given, PipelineOptions options) {
    String endpoint = given.get(ENDPOINT);
    if (endpoint == null) {
      return;
    }
    Matcher parts = URL.matcher(endpoint);
    if (!parts.matches()) {
      throw new InvalidOptionException(
          "--" + ENDPOINT + "=" + endpoint, endpoint, "http://HOST:PORT or https://HOST");
    }
    GcsOptions gcs = options.as(GcsOptions.class);
    if (parts.group("path").isEmpty()) {
      gcs.setGcsEndpoint(parts.group("server") + "/storage/v1/");
    }
    if (parts.group("scheme").equals("http") && !given.containsKey("credentialFactoryClass")) {
      gcs.setCredentialFactoryClass(NoopCredentialFactory.class);
    }
  }

  /**
   * A job that goes to a Flink cluster takes its jar along, and uses all slots unless told
   * otherwise.
   */
  private static void prepareCluster(PipelineOptions options) throws InterruptedException {
    if (options.getRunner() != FlinkRunner.class) {
      return;
    }
    FlinkPipelineOptions flink = options.as(FlinkPipelineOptions.class);
    if (flink.getFlinkMaster().startsWith("[")) {
      return;
    }
    String given = "--flinkMaster=" + flink.getFlinkMaster();
    FlinkJobs.Overview cluster;
    try {
      cluster = FlinkJobs.at(flink.getFlinkMaster()).overview();
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          given,
          "nobody there (" + e.getMessage() + ")",
          "HOST:PORT, the REST address of a Flink cluster");
    }
    if (flink.getFilesToStage() == null) {
      Path jar = Path.of(System.getProperty("beit2.home", ".")).resolve(JOB_JAR);
      if (!Files.exists(jar)) {
        throw new InvalidOptionException(
            given, "no " + jar, "the jar of our jobs, which mvn -DskipTests package makes");
      }
      flink.setFilesToStage(List.of(jar.toString()));
    }
    if (flink.getParallelism() == -1) {
      flink.setParallelism(Math.max(1, cluster.slots()));
    }
  }

  /** Requests to a server that is not there are repeated for minutes, without a word. */
  private static void requireServer(@Nullable String endpoint) {
    if (endpoint == null) {
      return;
    }
    URI uri = URI.create(endpoint);
    int port = uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equals("https") ? 443 : 80;
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(uri.getHost(), port), CONNECT_MILLISECONDS);
    } catch (IOException e) {
      throw new InvalidOptionException(
          "--" + ENDPOINT + "=" + endpoint,
          "nobody there (" + e.getMessage() + ")",
          "a server that answers");
    }
  }

  /**
   * What help is asked for: nothing, help of the command (empty), or of one of Beam's option
   * interfaces.
   */
  private static Optional<String> help(String[] args) {
    for (String arg : args) {
      if (arg.equals("--help") || arg.equals("-h")) {
        return Optional.of("");
      }
      if (arg.startsWith("--help=")) {
        return Optional.of(arg.substring("--help=".length()));
      }
    }
    return Optional.empty();
  }

  private static void printHelp(Command<?> command, String topic, PrintStream out) {
    if (topic.isEmpty()) {
      out.print(help(command));
      return;
    }
    Map<String, Class<? extends PipelineOptions>> interfaces = new HashMap<>();
    PipelineOptionsFactory.getRegisteredOptions()
        .forEach(i -> interfaces.put(i.getSimpleName(), i));
    if (!interfaces.containsKey(topic)) {
      throw new InvalidOptionException(
          "--help=" + topic,
          "no options of this name",
          "one of " + String.join(", ", interfaces.keySet().stream().sorted().toList()));
    }
    PipelineOptionsFactory.printHelp(out, interfaces.get(topic));
  }

  /** The text of {@code --help}. */
  static String help(Command<?> command) {
    StringBuilder text = new StringBuilder();
    text.append("./beit2 ").append(command.name());
    Option.of(command.options()).stream()
        .filter(Option::positional)
        .forEach(option -> text.append(' ').append(option.label()));
    text.append(" [--option=value …]\n\n");
    text.append(wrap(command.description(), "")).append("\nOptions:\n");
    for (Option option : Option.of(command.options())) {
      text.append("  ")
          .append(option.label())
          .append(option.positional() ? "  " : "=  ")
          .append(option.wanted());
      if (option.required()) {
        text.append("; required");
      }
      option.defaultText().ifPresent(value -> text.append("; default: ").append(value));
      text.append('\n').append(wrap(option.description(), "      "));
    }
    text.append('\n')
        .append(
            wrap(
                "Options of Beam and its runners pass through, such as --runner=FlinkRunner "
                    + "--flinkMaster=HOST:PORT"
                    + (trains(command) ? "" : " --parallelism=N")
                    + "; --help=FlinkPipelineOptions lists Flink's. Without any, Flink runs inside "
                    + "this process (--flinkMaster=[local])"
                    + localTasks(command)
                    + ". "
                    + "Paths may be gs://BUCKET/PATH; --gcsEndpoint=http://HOST:PORT asks another "
                    + "server than Google's, such as an emulator (docs/object-storage.md).",
                ""));
    return text.toString();
  }

  private static String localTasks(Command<?> command) {
    if (trains(command)) {
      return "";
    }
    return " with --parallelism="
        + (command.localParallelism() == 1 ? "1" : "the number of processors");
  }

  private static String wrap(String text, String indent) {
    StringBuilder lines = new StringBuilder();
    StringBuilder line = new StringBuilder(indent);
    for (String word : text.split(" ", -1)) {
      if (line.length() + word.length() > WIDTH) {
        lines.append(line.toString().stripTrailing()).append('\n');
        line = new StringBuilder(indent);
      }
      line.append(word).append(' ');
    }
    return lines.append(line.toString().stripTrailing()).append('\n').toString();
  }
}
