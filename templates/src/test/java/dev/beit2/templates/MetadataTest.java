package dev.beit2.templates;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.dataflow.v1beta3.ParameterMetadata;
import com.google.dataflow.v1beta3.ParameterMetadataEnumOption;
import com.google.dataflow.v1beta3.ParameterType;
import com.google.dataflow.v1beta3.TemplateMetadata.Builder;
import com.google.protobuf.util.JsonFormat;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Option;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.beam.sdk.options.PipelineOptions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** {@code metadata.json} of each template. */
final class MetadataTest {
  /** A value of each option that must be given. */
  private static final Map<String, String> REQUIRED =
      Map.of(
          "input", "gs://bucket/images",
          "output", "gs://bucket/out",
          "tokenizer", "gs://bucket/tokenizer",
          "backbone", "gs://bucket/backbone",
          "train", "gs://bucket/train",
          "shards", "gs://bucket/shards");

  private static com.google.dataflow.v1beta3.TemplateMetadata read(Template template)
      throws IOException {
    Builder metadata = com.google.dataflow.v1beta3.TemplateMetadata.newBuilder();
    JsonFormat.parser().merge(committed(template), metadata); // refuses keys that Google has not
    return metadata.build();
  }

  private static String committed(Template template) throws IOException {
    return Files.readString(Path.of(template.word(), TemplateMetadata.FILE));
  }

  private static Map<String, ParameterMetadata> parameters(Template template) throws IOException {
    return read(template).getParametersList().stream()
        .collect(Collectors.toMap(ParameterMetadata::getName, Function.identity()));
  }

  @ParameterizedTest
  @EnumSource
  void filesAreThoseOfTheCommandsOptions(Template template) throws IOException {
    assertEquals(
        TemplateMetadata.of(template),
        committed(template),
        "out of date; write it anew: java -cp templates/target/beit2-dataflow.jar"
            + " dev.beit2.templates.TemplateMetadata templates");
  }

  @ParameterizedTest
  @EnumSource
  void googlesMessagesTakeThem(Template template) throws IOException {
    var metadata = read(template);
    assertFalse(metadata.getName().isEmpty() || metadata.getDescription().isEmpty());
    List<Option> options = TemplateMetadata.options(template.command());
    assertEquals(
        options.stream().map(Option::name).toList(),
        metadata.getParametersList().stream().map(ParameterMetadata::getName).toList());
    for (Option option : options) {
      ParameterMetadata parameter = parameters(template).get(option.name());
      assertEquals(option.required(), !parameter.getIsOptional(), option.name());
      assertTrue(parameter.getHelpText().startsWith(option.description()), option.name());
      assertFalse(parameter.getParamType() == ParameterType.DEFAULT, option.name());
      assertEquals(
          template.command().words(option),
          parameter.getEnumOptionsList().stream()
              .map(ParameterMetadataEnumOption::getValue)
              .toList());
    }
  }

  /** A form sends the default values along. They must mean the same as no value. */
  @ParameterizedTest
  @EnumSource
  void aFormThatSendsAllDefaultsChangesNothing(Template template) throws IOException {
    Command<?> command = template.command();
    for (String preset : command.presets().isEmpty() ? List.of("") : command.presets().keySet()) {
      Map<String, String> required = new TreeMap<>();
      Map<String, String> all = new TreeMap<>();
      parameters(template)
          .forEach(
              (name, parameter) -> {
                if (!parameter.getDefaultValue().isEmpty()) {
                  all.put(name, parameter.getDefaultValue());
                }
                if (!parameter.getIsOptional()) {
                  required.put(name, REQUIRED.get(name));
                }
              });
      if (!preset.isEmpty()) {
        required.put("preset", preset);
      }
      all.putAll(required);
      assertTrue(all.size() > required.size());
      assertEquals(values(command, required), values(command, all), preset);
      all.forEach((name, value) -> requireAccepted(template, name, value));
    }
  }

  private static Map<String, Object> values(Command<?> command, Map<String, String> given) {
    List<String> arguments = new ArrayList<>();
    given.forEach((name, value) -> arguments.add("--" + name + "=" + value));
    PipelineOptions options = CommandLine.parse(command, arguments.toArray(String[]::new));
    Map<String, Object> values = new HashMap<>();
    Option.of(command.options()).forEach(option -> values.put(option.name(), option.get(options)));
    return values;
  }

  private static void requireAccepted(Template template, String name, String value) {
    ParameterMetadata parameter = assertDoesNotThrow(() -> parameters(template).get(name));
    for (String regex : parameter.getRegexesList()) {
      assertTrue(value.matches(regex), name + "=" + value + " " + regex);
    }
  }

  @ParameterizedTest
  @EnumSource
  void pathsAreOnlyInBuckets(Template template) throws IOException {
    Map<String, ParameterMetadata> parameters = parameters(template);
    for (Option option : TemplateMetadata.options(template.command())) {
      if (option.location().isPresent()) {
        String regex = parameters.get(option.name()).getRegexes(0);
        for (String prefix : option.location().get().prefixes()) {
          assertTrue((prefix + "gs://bucket/a/b").matches(regex), regex);
          assertFalse((prefix + "/a/b").matches(regex), regex);
        }
        assertEquals(
            !option.location().get().needsPrefix(), "gs://bucket/a/b".matches(regex), regex);
        Stream.of("/a", "a/b", "gs://bucket", "x:gs://bucket/a", "file:///a")
            .forEach(path -> assertFalse(path.matches(regex), path + " " + regex));
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void parentsAreParametersThatHaveTheTriggers(Template template) throws IOException {
    Map<String, ParameterMetadata> parameters = parameters(template);
    for (ParameterMetadata parameter : parameters.values()) {
      if (!parameter.getParentName().isEmpty()) {
        ParameterMetadata parent = parameters.get(parameter.getParentName());
        List<String> values =
            parent.getEnumOptionsList().stream()
                .map(ParameterMetadataEnumOption::getValue)
                .toList();
        assertTrue(values.containsAll(parameter.getParentTriggerValuesList()), "" + parameter);
        assertFalse(parameter.getParentTriggerValuesList().isEmpty(), "" + parameter);
      }
    }
  }
}
