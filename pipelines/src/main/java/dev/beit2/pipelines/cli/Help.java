package dev.beit2.pipelines.cli;

import java.io.PrintStream;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/** The answer to {@code --help}. */
final class Help {
  private static final int WIDTH = 100;

  private Help() {}

  /**
   * What help is asked for: nothing, the command (an empty text), or the name of one of Beam's
   * option interfaces.
   */
  static Optional<String> topic(String[] args) {
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

  static void print(Command<?> command, String topic, PrintStream out) {
    if (topic.isEmpty()) {
      out.print(of(command));
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

  /** The help text of a command. */
  static String of(Command<?> command) {
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
          .append(wanted(command, option));
      if (option.required()) {
        text.append("; required");
      }
      option
          .defaultText(command.presets())
          .ifPresent(value -> text.append("; default: ").append(value));
      text.append('\n').append(wrap(option.description(), "      "));
    }
    return text.append('\n').append(wrap(runners(command), "")).toString();
  }

  /** The values that an option accepts; those of {@code --preset} are the command's presets. */
  private static String wanted(Command<?> command, Option option) {
    List<String> words = command.words(option);
    return words.isEmpty() ? option.wanted() : "one of " + String.join(", ", words);
  }

  private static String runners(Command<?> command) {
    boolean setsParallelism = !command.refused().containsKey("parallelism");
    String tasks =
        " with --parallelism="
            + (command.localParallelism() == 1 ? "1" : "the number of processors");
    return "Options of Beam and its runners are passed on, such as --runner=FlinkRunner "
        + "--flinkMaster=HOST:PORT"
        + (setsParallelism ? " --parallelism=N" : "")
        + "; --help=FlinkPipelineOptions lists those of Flink. By default Flink runs inside this "
        + "process (--flinkMaster=[local])"
        + (setsParallelism ? tasks : "")
        + ". Paths may be gs://BUCKET/PATH; --gcsEndpoint=http://HOST:PORT uses another server than "
        + "Google's, such as an emulator (docs/object-storage.md).";
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
