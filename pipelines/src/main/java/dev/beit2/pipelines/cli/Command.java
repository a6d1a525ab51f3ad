package dev.beit2.pipelines.cli;

import static java.util.Objects.requireNonNull;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * A command of {@code ./beit2}.
 *
 * @param name as typed, such as {@code tokenize}
 * @param summary what it does, in a few words, for the list of all commands
 * @param description what it does, in a sentence or two
 * @param options its options, annotated with {@code @Description}, {@code @Default}, {@link Range},
 *     {@link OneOf}, {@link InsteadOf} and {@link Positional}
 * @param body the command itself
 * @param localParallelism Flink's default parallelism if it runs inside this JVM
 * @param presets values of {@code --preset}; each has a record whose methods give the defaults of
 *     the options of the same name. Empty if the command has no presets
 * @param refused runner options that the command does not accept, with the reason
 * @param template the options that the command does not have as a Dataflow template, with the
 *     reason; empty if it cannot be one
 */
public record Command<OptionsT extends PipelineOptions>(
    String name,
    String summary,
    String description,
    Class<OptionsT> options,
    Body<OptionsT> body,
    int localParallelism,
    Map<String, ? extends Record> presets,
    Map<String, String> refused,
    Optional<Map<String, String>> template) {

  /** What a command does; a failure is an exception. */
  public interface Body<OptionsT> {
    /**
     * Runs the command.
     *
     * @return the process's exit code
     */
    int run(OptionsT options) throws Exception;
  }

  public Command {
    requireNonNull(name, "name is null");
    requireNonNull(summary, "summary is null");
    requireNonNull(description, "description is null");
    requireNonNull(options, "options is null");
    requireNonNull(body, "body is null");
    refused = Map.copyOf(refused);
    template = template.map(Map::copyOf);
  }

  /** A command without presets whose pipelines have one task per operator. */
  public static <OptionsT extends PipelineOptions> Command<OptionsT> of(
      String name,
      String summary,
      String description,
      Class<OptionsT> options,
      Body<OptionsT> body) {
    return new Command<>(
        name, summary, description, options, body, 1, Map.of(), Map.of(), Optional.empty());
  }

  /** The words that one of its options accepts; empty if it accepts other values, too. */
  public List<String> words(Option option) {
    return option.name().equals(Arguments.PRESET) && !presets.isEmpty()
        ? List.copyOf(presets.keySet())
        : option.words();
  }

  /** The same with another default parallelism of the Flink inside this JVM. */
  public Command<OptionsT> withLocalParallelism(int tasks) {
    return new Command<>(
        name, summary, description, options, body, tasks, presets, refused, template);
  }

  /** The same with presets. */
  public Command<OptionsT> withPresets(Map<String, ? extends Record> recipes) {
    return new Command<>(
        name, summary, description, options, body, localParallelism, recipes, refused, template);
  }

  /** The same without some runner options. */
  public Command<OptionsT> refusing(Map<String, String> reasons) {
    return new Command<>(
        name, summary, description, options, body, localParallelism, presets, reasons, template);
  }

  /**
   * The same, also as a Dataflow template: its work is one job, after which it has nothing to do.
   * See {@link TemplateLaunch}.
   *
   * @param without the options that the template does not have, with the reason
   */
  public Command<OptionsT> withTemplate(Map<String, String> without) {
    return new Command<>(
        name,
        summary,
        description,
        options,
        body,
        localParallelism,
        presets,
        refused,
        Optional.of(without));
  }
}
