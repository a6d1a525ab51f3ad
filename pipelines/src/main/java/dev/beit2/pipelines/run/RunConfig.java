package dev.beit2.pipelines.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Option;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import javax.annotation.Nullable;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * The configuration of a run or of a set of shards: everything that determines its content. It is
 * stored as {@code config.json}, and a second start must have the same configuration.
 *
 * @param values the command under {@link #COMMAND} and each value under its option's name
 */
public record RunConfig(SortedMap<String, String> values) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The name whose value is the command, such as {@code pretrain}. */
  public static final String COMMAND = "command";

  public static final String FILE = "config.json";

  public RunConfig {
    values = Collections.unmodifiableSortedMap(new TreeMap<>(values));
  }

  /**
   * The configuration given by the options that have a value.
   *
   * @param command such as {@code pretrain}
   * @param declared the command's options interface
   * @param mayChange names of the options that may change between two starts
   */
  public static RunConfig of(
      String command,
      Class<? extends PipelineOptions> declared,
      PipelineOptions options,
      Set<String> mayChange) {
    SortedMap<String, String> values = new TreeMap<>();
    values.put(COMMAND, command);
    for (Option option : Option.of(declared)) {
      Object value = option.get(options);
      if (value != null && !mayChange.contains(option.name())) {
        values.put(option.name(), Option.text(value));
      }
    }
    return new RunConfig(values);
  }

  /** The same with another value of an option; null removes it. */
  public RunConfig with(String name, @Nullable String value) {
    SortedMap<String, String> changed = new TreeMap<>(values);
    if (value == null) {
      changed.remove(name);
    } else {
      changed.put(name, value);
    }
    return new RunConfig(changed);
  }

  /**
   * Whether an earlier start with the same configuration has begun in the folder of {@code
   * --output}. Writes nothing.
   *
   * @throws InvalidOptionException if the folder belongs to another command, or to other values,
   *     naming each of them
   */
  public boolean isBegun(String output) throws IOException {
    String option = "--output=" + output;
    requirePlainPath(option, output);
    Optional<RunConfig> started = read(option, output);
    started.ifPresent(config -> requireSame(option, config.values));
    return started.isPresent();
  }

  /**
   * Writes this configuration into the folder of {@code --output}, unless an earlier start has.
   *
   * @throws InvalidOptionException as {@link #isBegun} throws it
   */
  public void begin(String output) throws IOException {
    if (!isBegun(output)) {
      StoredFile.deleteTemporaryFiles(output, FILE); // left by a start that was killed here
      StoredFile.in(output, FILE).commit(Json.pretty(values));
    }
  }

  /**
   * Checks that a path can name a folder for output.
   *
   * @throws InvalidOptionException if it is empty, or Beam would treat it as a glob
   */
  public static void requirePlainPath(String option, String path) {
    boolean pattern =
        new StoredFile(path).localPath().isEmpty() && path.matches(".*[*?\\[\\]{}].*");
    if (path.isBlank() || pattern) {
      throw new InvalidOptionException(
          option, path.isBlank() ? "nothing" : "one of * ? [ ] { } in it", "a plain path");
    }
  }

  /**
   * The configuration in a folder, if there is one.
   *
   * @param option that names the folder, as it was given
   * @throws InvalidOptionException if {@code config.json} is not a configuration
   */
  public static Optional<RunConfig> read(String option, String folder) throws IOException {
    StoredFile file = StoredFile.in(folder, FILE);
    if (!file.exists()) {
      return Optional.empty();
    }
    SortedMap<String, String> config = new TreeMap<>();
    try {
      Json.object(file.readText())
          .forEach(
              (name, value) -> {
                if (!(value instanceof String
                    || value instanceof Number
                    || value instanceof Boolean)) {
                  throw invalid(option, "in which " + name + " is no value of an option");
                }
                config.put(name, value.toString());
              });
    } catch (JsonProcessingException e) {
      throw invalid(option, "that is no JSON object");
    }
    return Optional.of(new RunConfig(config));
  }

  private static InvalidOptionException invalid(String option, String what) {
    return new InvalidOptionException(
        option, "a " + FILE + " " + what, "one written by this command");
  }

  private void requireSame(String option, SortedMap<String, String> started) {
    String startedCommand = started.get(COMMAND);
    if (startedCommand != null
        && !startedCommand.equals(values.getOrDefault(COMMAND, startedCommand))) {
      throw new InvalidOptionException(
          option,
          "a run of " + startedCommand,
          "a run of " + values.get(COMMAND) + ", or a folder without one");
    }
    TreeSet<String> names = new TreeSet<>(started.keySet());
    names.addAll(values.keySet());
    List<String> given = new ArrayList<>();
    List<String> found = new ArrayList<>();
    for (String name : names) {
      if (!Objects.equals(started.get(name), values.get(name))) {
        given.add(values.containsKey(name) ? "--" + name + "=" + values.get(name) : "no --" + name);
        found.add(
            started.containsKey(name) ? "--" + name + "=" + started.get(name) : "no --" + name);
      }
    }
    if (!given.isEmpty()) {
      throw new InvalidOptionException(
          String.join(" ", given),
          "a run started with " + String.join(" ", found) + " in " + option,
          (given.size() == 1 ? "the same value" : "the same values") + ", or another --output");
    }
  }
}
