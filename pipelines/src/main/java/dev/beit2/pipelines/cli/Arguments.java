package dev.beit2.pipelines.cli;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.beam.sdk.extensions.gcp.util.gcsfs.GcsPath;
import org.apache.beam.sdk.options.ApplicationNameOptions;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;

/**
 * The arguments of a command. Beam's {@link PipelineOptionsFactory} parses them; what it does not
 * check (ranges, words, presets, options that exclude each other) is checked here.
 *
 * @param declared the command's own options by name
 * @param given the texts of all options that were given, by name
 */
record Arguments<OptionsT extends PipelineOptions>(
    Command<OptionsT> command, Map<String, Option> declared, Map<String, String> given) {
  /** The option that chooses one of {@link Command#presets}. */
  static final String PRESET = "preset";

  /**
   * Splits arguments: {@code --name=value}, {@code --name} for {@code --name=true}, or the value of
   * a positional option, or several values.
   */
  static <OptionsT extends PipelineOptions> Arguments<OptionsT> of(
      Command<OptionsT> command, String[] args) {
    Map<String, Option> declared = new LinkedHashMap<>();
    Option.of(command.options()).forEach(option -> declared.put(option.name(), option));
    Optional<Option> positional = declared.values().stream().filter(Option::positional).findFirst();
    Map<String, String> given = new LinkedHashMap<>();
    for (String arg : args) {
      if (!arg.startsWith("-") && positional.isPresent()) {
        if (positional.get().several()) {
          given.merge(positional.get().name(), arg, (before, more) -> before + "\n" + more);
        } else if (given.put(positional.get().name(), arg) != null) {
          throw new InvalidOptionException(
              "'" + arg + "'", "a second " + positional.get().label(), "one");
        }
        continue;
      }
      if (!arg.matches("(?s)--[A-Za-z][A-Za-z0-9]*(=.*)?")) {
        throw new InvalidOptionException("'" + arg + "'", "no option", "--option=value");
      }
      int equals = arg.indexOf('=');
      String name = arg.substring(2, equals < 0 ? arg.length() : equals);
      if (given.put(name, equals < 0 ? "true" : arg.substring(equals + 1)) != null) {
        throw new InvalidOptionException("--" + name, "two values", "one");
      }
    }
    return new Arguments<>(command, declared, given);
  }

  /** The parsed and checked options, with the preset's defaults. */
  OptionsT toOptions() {
    OptionsT options = parse();
    for (Option option : declared.values()) {
      if (given.containsKey(option.name())) {
        option.check(given.get(option.name()), option.get(options));
      } else if (option.required()) {
        throw new InvalidOptionException(option.label(), "nothing", "it: " + option.description());
      }
    }
    requireOneOfEachPair();
    requireNotRefused();
    if (isTemplateLaunch()) {
      requireTemplate();
    }
    applyPreset(options);
    // Jobs are named after it, unless --jobName is given.
    options.as(ApplicationNameOptions.class).setAppName(command.name());
    return options;
  }

  private OptionsT parse() {
    Set<String> runnerOptions = runnerOptions();
    List<String> arguments = new ArrayList<>();
    given.forEach(
        (name, text) -> {
          if (declared.containsKey(name)) {
            arguments.add(declared.get(name).argument(text));
            requireObjectName(declared.get(name).given(text), text);
          } else if (runnerOptions.contains(name)) {
            arguments.add("--" + name + "=" + text);
          } else {
            throw unknown(name, text, runnerOptions);
          }
        });
    if (isTemplateLaunch() && !given.containsKey("runner")) {
      arguments.add("--runner=DataflowRunner");
    }
    try {
      return PipelineOptionsFactory.fromArgs(arguments.toArray(String[]::new))
          .as(command.options());
    } catch (IllegalArgumentException e) {
      throw culprit(e);
    }
  }

  /** The names of all options that Beam and the runners on the class path have. */
  private static Set<String> runnerOptions() {
    Set<String> names = new TreeSet<>();
    for (Class<? extends PipelineOptions> options : PipelineOptionsFactory.getRegisteredOptions()) {
      for (Method method : options.getMethods()) {
        if (method.getName().startsWith("set") && method.getParameterCount() == 1) {
          names.add(Option.propertyName(method));
        }
      }
    }
    return names;
  }

  private InvalidOptionException unknown(String name, String text, Set<String> runnerOptions) {
    Set<String> known = new TreeSet<>(runnerOptions);
    known.addAll(declared.keySet());
    String labels = declared.values().stream().map(Option::label).collect(Collectors.joining(", "));
    return new InvalidOptionException(
        "--" + name + "=" + text,
        "no option of this name",
        "one of "
            + labels
            + Suggestions.closest(name, known)
                .map(similar -> "; did you mean --" + similar + "?")
                .orElse(""));
  }

  /** Which of the arguments Beam cannot parse. */
  private InvalidOptionException culprit(IllegalArgumentException whole) {
    for (Map.Entry<String, String> argument : given.entrySet()) {
      Option option = declared.get(argument.getKey());
      String typed = "--" + argument.getKey() + "=" + argument.getValue();
      try {
        PipelineOptionsFactory.fromArgs(
                option == null ? typed : option.argument(argument.getValue()))
            .as(command.options());
      } catch (IllegalArgumentException e) {
        return option == null
            ? new InvalidOptionException(
                typed, "a value that Beam does not accept", "what it says: " + firstLine(e))
            : new InvalidOptionException(
                option.given(argument.getValue()), argument.getValue(), option.wanted());
      }
    }
    return new InvalidOptionException(
        String.join(" ", given.keySet()), "options that Beam does not accept", firstLine(whole));
  }

  private static String firstLine(IllegalArgumentException e) {
    return e.getMessage() == null ? "" : e.getMessage().lines().findFirst().orElse("");
  }

  /** Beam would notice it only where the path is first used, without naming the option. */
  private static void requireObjectName(String option, String path) {
    if (path.startsWith("gs://")) {
      try {
        GcsPath.fromUri(path);
      } catch (IllegalArgumentException e) {
        throw new InvalidOptionException(
            option, "no name of an object", "gs://BUCKET/PATH (" + e.getMessage() + ")");
      }
    }
  }

  private void requireOneOfEachPair() {
    for (Option option : declared.values()) {
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

  private void requireNotRefused() {
    command
        .refused()
        .forEach(
            (name, reason) -> {
              // Google's launcher names the job.
              if (given.containsKey(name) && !(name.equals("jobName") && isTemplateLaunch())) {
                throw new InvalidOptionException(
                    "--" + name + "=" + given.get(name),
                    "an option that ./beit2 " + command.name() + " sets itself",
                    "none: " + reason);
              }
            });
  }

  private boolean isTemplateLaunch() {
    return given.containsKey(TemplateLaunch.OPTION);
  }

  /** Checks what a job of a template cannot do: several jobs, or files of the launcher. */
  private void requireTemplate() {
    Map<String, String> without =
        command
            .template()
            .orElseThrow(
                () ->
                    new InvalidOptionException(
                        "--" + TemplateLaunch.OPTION + "=" + given.get(TemplateLaunch.OPTION),
                        "the command " + command.name() + ", which is no template",
                        "a command that is one"));
    for (Option option : declared.values()) {
      String text = given.get(option.name());
      if (text == null) {
        continue;
      }
      if (without.containsKey(option.name())) {
        throw new InvalidOptionException(
            option.given(text),
            "an option that the template does not have",
            "none: " + without.get(option.name()));
      }
      if (!option.isForTemplate(text)) {
        throw new InvalidOptionException(
            option.given(text), "a path that workers do not have", "gs://BUCKET/PATH");
      }
    }
  }

  private void applyPreset(OptionsT options) {
    if (command.presets().isEmpty()) {
      return;
    }
    Option preset = declared.get(PRESET);
    String name = Option.text(preset.get(options));
    Record recipe = command.presets().get(name);
    if (recipe == null) {
      throw new InvalidOptionException(
          preset.given(name), name, "one of " + String.join(", ", command.presets().keySet()));
    }
    for (Option option : declared.values()) {
      if (!given.containsKey(option.name()) && !given.containsKey(option.insteadOf())) {
        option.presetDefault(recipe).ifPresent(value -> option.setDefault(options, value));
      }
    }
  }
}
