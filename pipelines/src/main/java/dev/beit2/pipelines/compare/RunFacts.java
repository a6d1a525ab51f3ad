package dev.beit2.pipelines.compare;

import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.report.Comparison;
import dev.beit2.pipelines.report.Comparison.Fact;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;

/** What is known of a training run, and what was measured of it: a column of the table. */
final class RunFacts {
  /** The first and the last values of metrics are means over this many steps. */
  private static final int STEPS_AVERAGED = 10;

  private static final Set<String> CODEBOOK =
      Set.of("codes_in_use", "perplexity", "validation_codes_in_use", "validation_perplexity");
  private static final String ACCURACY = "_accuracy";
  private static final String ERROR = "_standard_error";
  private static final String RECIPE = "Recipe";
  private static final String TRAINING = "Training";
  private static final String CODES = "Codebook";
  private static final String MEASURES = "Measures";
  private static final String SPEED = "Speed";

  private final String folder;
  private final Map<String, Map<String, Fact>> facts = new LinkedHashMap<>();

  private RunFacts(String folder) {
    this.folder = folder;
    // All runs have all groups, so that their order does not depend on which run comes first.
    for (String group : List.of(RECIPE, TRAINING, CODES, MEASURES, SPEED)) {
      facts.put(group, new LinkedHashMap<>());
    }
  }

  /** A column for a backbone of which only measures are known. */
  static RunFacts measured(String backbone) {
    return new RunFacts(backbone);
  }

  /**
   * The run in a folder.
   *
   * @throws InvalidOptionException if there is none
   */
  static RunFacts read(String folder) throws IOException {
    RunConfig config =
        RunConfig.read(folder, folder)
            .orElseThrow(
                () ->
                    new InvalidOptionException(
                        folder,
                        "no " + RunConfig.FILE + ", evaluation.json or probe.json in it",
                        "the folder of a run, of evaluate or of linear-probe"));
    RunFacts run = new RunFacts(folder);
    config.values().forEach((name, value) -> run.put(RECIPE, name, Fact.of(value)));
    List<Map<String, Double>> steps = MetricsLog.read(folder);
    Optional<Checkpoint> last = RunDirectory.latest(folder);
    if (last.isPresent()) {
      run.put(TRAINING, "steps", Fact.of(Long.toString(last.get().step())));
      Long images = last.get().state().images();
      if (images != null) {
        run.put(TRAINING, "images", Fact.of(images.toString()));
      }
    }
    run.addMetrics(steps);
    return run;
  }

  private void addMetrics(List<Map<String, Double>> steps) {
    int averaged = Math.max(1, Math.min(STEPS_AVERAGED, steps.size() / 2));
    List<Map<String, Double>> first = steps.subList(0, Math.min(averaged, steps.size()));
    List<Map<String, Double>> last =
        steps.subList(Math.max(0, steps.size() - averaged), steps.size());
    TreeSet<String> names = new TreeSet<>();
    steps.forEach(step -> names.addAll(step.keySet()));
    for (String name : names) {
      if (CODEBOOK.contains(name)) {
        latest(steps, name).ifPresent(value -> put(CODES, name, number(value)));
      } else if (name.endsWith("loss")) {
        mean(first, name).ifPresent(value -> put(TRAINING, name + ", first steps", number(value)));
        mean(last, name).ifPresent(value -> put(TRAINING, name + ", last steps", number(value)));
      } else if (name.startsWith("validation_")) {
        addValidation(steps, name);
      } else if (name.endsWith("accuracy")) {
        mean(last, name).ifPresent(value -> put(TRAINING, name + ", last steps", number(value)));
      }
    }
    mean(steps, "images_per_second").ifPresent(rate -> put(SPEED, "images/s", number(rate)));
  }

  /** What is measured at checkpoints only, such as the accuracy of a classifier. */
  private void addValidation(List<Map<String, Double>> steps, String name) {
    if (name.endsWith(ERROR)) {
      return; // stands beside its accuracy
    }
    latest(steps, name).ifPresent(value -> put(MEASURES, name, validation(steps, name, value)));
  }

  private static Fact validation(List<Map<String, Double>> steps, String name, double value) {
    if (name.equals("validation_miou")) {
      return Fact.ofAccuracy(value, null);
    }
    if (!name.endsWith(ACCURACY)) {
      return number(value);
    }
    OptionalDouble error = latest(steps, name.replace(ACCURACY, ERROR));
    return Fact.ofAccuracy(value, error.isPresent() ? error.getAsDouble() : null);
  }

  private static OptionalDouble latest(List<Map<String, Double>> steps, String name) {
    return steps.stream()
        .map(step -> step.get(name))
        .filter(Objects::nonNull)
        .mapToDouble(Double::doubleValue)
        .reduce((earlier, later) -> later);
  }

  private static OptionalDouble mean(List<Map<String, Double>> steps, String name) {
    return steps.stream()
        .map(step -> step.get(name))
        .filter(Objects::nonNull)
        .mapToDouble(Double::doubleValue)
        .filter(Double::isFinite)
        .average();
  }

  private static Fact number(double value) {
    String text =
        value == Math.rint(value) || Math.abs(value) >= 1000
            ? String.format(Locale.ROOT, "%.0f", value)
            : String.format(Locale.ROOT, "%.4g", value);
    return new Fact(text, Double.isFinite(value) ? value : Fact.of(text).value(), null);
  }

  private void put(String group, String name, Fact fact) {
    facts.get(group).put(name, fact);
  }

  /** The folder of the run. */
  String folder() {
    return folder;
  }

  /** Adds what was measured of the run. */
  void add(MeasureFacts measure) {
    facts.get(MEASURES).putAll(measure.facts());
  }

  Comparison.Run toRun() {
    return new Comparison.Run(folder, facts);
  }
}
