package dev.beit2.templates;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.Option;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Describes a template's parameters as Dataflow wants it, from the options of its command: {@code
 * metadata.json}. The console makes a form of it, and the service checks a launch by it.
 */
final class TemplateMetadata {
  static final String FILE = "metadata.json";
  private static final String NUMBER = "NUMBER";

  private TemplateMetadata() {}

  /** Writes the files of all templates into their folders. Argument: the folder of the folders. */
  public static void main(String[] args) throws IOException {
    for (Template template : Template.values()) {
      StoredFile.in(args[0], template.word() + "/" + FILE).write(of(template));
    }
  }

  /** The file of a template. */
  static String of(Template template) {
    Map<String, Object> metadata = new LinkedHashMap<>();
    metadata.put("name", template.title());
    metadata.put("description", template.description());
    metadata.put(
        "parameters",
        options(template.command()).stream()
            .map(option -> parameter(template.command(), option))
            .toList());
    return Json.pretty(metadata);
  }

  /** The options that the template has. */
  static List<Option> options(Command<?> command) {
    Map<String, String> without = command.template().orElseThrow();
    return Option.of(command.options()).stream()
        .filter(option -> !without.containsKey(option.name()))
        .toList();
  }

  private static Map<String, Object> parameter(Command<?> command, Option option) {
    List<String> words = command.words(option);
    Map<String, Object> parameter = new LinkedHashMap<>();
    parameter.put("name", option.name());
    parameter.put("label", label(option.name()));
    parameter.put("helpText", help(command, option));
    if (!option.required()) {
      parameter.put("isOptional", true);
    }
    regex(option, words).ifPresent(regex -> parameter.put("regexes", List.of(regex)));
    parameter.put("paramType", type(option, words));
    if (!words.isEmpty()) {
      parameter.put(
          "enumOptions",
          words.stream().map(word -> Map.of("value", word)).collect(Collectors.toList()));
    }
    defaultValue(command, option).ifPresent(value -> parameter.put("defaultValue", value));
    option
        .onlyWith()
        .ifPresent(
            with -> {
              parameter.put("parentName", with.option());
              parameter.put("parentTriggerValues", List.of(with.values()));
            });
    return parameter;
  }

  /** {@code Max image megabytes} for {@code maxImageMegabytes}. */
  private static String label(String name) {
    String words = name.replaceAll("(?=[A-Z])", " ").toLowerCase(Locale.ROOT);
    return words.substring(0, 1).toUpperCase(Locale.ROOT) + words.substring(1);
  }

  /**
   * Ranges are no regular expressions, and defaults that depend on others are no default values.
   */
  private static String help(Command<?> command, Option option) {
    StringBuilder help = new StringBuilder(option.description());
    if (type(option, command.words(option)).equals(NUMBER)) {
      help.append(" Wanted: ").append(option.wanted()).append('.');
    }
    if (defaultValue(command, option).isEmpty()) {
      option
          .defaultText(command.presets())
          .ifPresent(text -> help.append(" Default: ").append(text).append('.'));
    }
    return help.toString();
  }

  private static Optional<String> regex(Option option, List<String> words) {
    return words.isEmpty()
        ? option.templateRegex()
        : Optional.of("^(" + String.join("|", words) + ")$");
  }

  private static String type(Option option, List<String> words) {
    if (!words.isEmpty()) {
      return "ENUM";
    }
    if (option.location().isPresent()) {
      Location path = option.location().get();
      return switch (path.value()) {
        case INPUT -> "TEXT"; // a file, a folder or a pattern: the service has no type for all
        case INPUT_FOLDER -> "GCS_READ_FOLDER";
        case OUTPUT_FOLDER -> "GCS_WRITE_FOLDER";
      };
    }
    Class<?> type = option.getter().getReturnType();
    if (type == boolean.class || type == Boolean.class) {
      return "BOOLEAN";
    }
    return type == String.class ? "TEXT" : NUMBER;
  }

  /**
   * The default, where a form may send it: it means the same as nothing, for all presets, and
   * excludes no other option.
   */
  static Optional<String> defaultValue(Command<?> command, Option option) {
    boolean excludes =
        !option.insteadOf().isEmpty()
            || Option.of(command.options()).stream()
                .anyMatch(other -> other.insteadOf().equals(option.name()));
    boolean byPreset =
        command.presets().values().stream()
                .map(option::presetDefault)
                .map(value -> value.filter(known -> !(known instanceof Record)))
                .distinct()
                .count()
            > 1;
    boolean described =
        command.presets().values().stream()
            .map(option::presetDefault)
            .flatMap(Optional::stream)
            .anyMatch(Record.class::isInstance);
    return excludes || byPreset || described
        ? Optional.empty()
        : option.defaultText(command.presets());
  }
}
