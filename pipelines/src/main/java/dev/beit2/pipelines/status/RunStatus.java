package dev.beit2.pipelines.status;

import dev.beit2.io.PlainText;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.CheckpointState.RoundStatistics;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.StoppedRun;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeSet;
import javax.annotation.Nullable;

/**
 * The progress of a run, as lines of a name and a value. Older runs lack some values; those have no
 * line.
 */
final class RunStatus {
  private static final int MOST_STEPS = 2000;
  private static final int ROUNDS_OF_PATIENCE = 3;
  private static final Set<String> CODEBOOK =
      Set.of("codes_in_use", "perplexity", "validation_codes_in_use", "validation_perplexity");
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm:ss 'UTC'", Locale.ROOT)
          .withZone(ZoneOffset.UTC);

  private record Line(String name, String value) {}

  private final String run;
  private final Map<String, String> config;
  private final Instant now;
  private final List<Line> lines = new ArrayList<>();

  RunStatus(String run, Map<String, String> config, Instant now) {
    this.run = run;
    this.config = config;
    this.now = now;
  }

  void print(PrintStream out) throws IOException {
    List<Checkpoint> checkpoints = RunDirectory.complete(run);
    add("run", run);
    add("command", config.get(RunConfig.COMMAND) + ", preset " + config.get("preset"));
    if (checkpoints.isEmpty()) {
      add("state", stopped() == null ? "begun, without a checkpoint so far" : stopped());
    } else {
      addProgress(checkpoints);
    }
    int width = lines.stream().mapToInt(line -> line.name().length()).max().orElse(0);
    for (Line line : lines) {
      out.print(String.format(Locale.ROOT, "%-" + width + "s  %s%n", line.name(), line.value()));
    }
  }

  private void addProgress(List<Checkpoint> checkpoints) throws IOException {
    Checkpoint last = checkpoints.get(checkpoints.size() - 1);
    long before = checkpoints.size() > 1 ? checkpoints.get(checkpoints.size() - 2).step() : 0;
    CheckpointState state = last.state();
    RoundStatistics round = state.round();
    List<Map<String, Double>> steps =
        MetricsLog.readLast(run, before, MOST_STEPS).stream()
            .filter(step -> step.get(MetricsLog.STEP) <= last.step())
            .toList();
    double roundSeconds = roundSeconds(round, steps);
    long total = total(state);
    long done = done(last, state);
    Duration age = age(state);

    add("state", state(done, total, roundSeconds, age));
    add("step", step(done, total));
    addCount("images", state.images());
    addCount("workers", state.workers());
    addSpeed(round, steps);
    if (total > done && roundSeconds > 0 && last.step() > before) {
      add("left", span((total - done) * roundSeconds / (last.step() - before)));
    }
    addMetrics(steps);
    add("checkpoint", checkpoint(last, state, age));
    int rejected = state.rejectedSoFar().size();
    add(
        "rejected",
        rejected == 0 ? "none" : rejected + ", see " + last.directory() + "/state.json");
  }

  /** Age of the checkpoint; null if the state does not have its time. */
  @Nullable
  private Duration age(CheckpointState state) {
    return state.time() == null ? null : Duration.between(Instant.parse(state.time()), now);
  }

  private String checkpoint(Checkpoint last, CheckpointState state, @Nullable Duration age) {
    String ordinal = state.checkpoint() == null ? "" : state.checkpoint() + ": ";
    String when =
        age == null ? "" : ", " + TIME.format(now.minus(age)) + ", " + Progress.span(age) + " ago";
    return ordinal + last.directory() + when;
  }

  private String state(long done, long total, double roundSeconds, @Nullable Duration age)
      throws IOException {
    if (total > 0 && done >= total) {
      return "complete";
    }
    String stopped = stopped();
    if (stopped != null) {
      return stopped;
    }
    if (age != null && roundSeconds > 0 && seconds(age) > ROUNDS_OF_PATIENCE * roundSeconds) {
      return "nothing new for "
          + Progress.span(age)
          + ", and a round takes "
          + span(roundSeconds)
          + ": not running?";
    }
    return "under way";
  }

  /** Why the run stopped by itself, or null if it did not. */
  @Nullable
  private String stopped() throws IOException {
    return StoppedRun.reason(run).map(reason -> "stopped: " + reason).orElse(null);
  }

  /** Steps of the whole run; 0 if unknown. */
  private long total(CheckpointState state) {
    if (config.containsKey("steps")) {
      return Long.parseLong(config.get("steps"));
    }
    return state.steps() == null ? 0 : state.steps();
  }

  /** The position in terms of {@link #total}: a run of epochs counts images, not steps. */
  private long done(Checkpoint last, CheckpointState state) {
    if (!config.containsKey("steps")
        && config.containsKey("batchSize")
        && state.images() != null
        && state.workers() != null
        && state.workers() > 0) {
      long batchSize = Long.parseLong(config.get("batchSize"));
      return state.images() / (state.workers() * batchSize);
    }
    return last.step();
  }

  /** Seconds from one checkpoint to the next; 0 if unknown. */
  private static double roundSeconds(
      @Nullable RoundStatistics round, List<Map<String, Double>> steps) {
    return round != null
        ? round.seconds()
        : steps.stream().mapToDouble(step -> step.getOrDefault("seconds", 0.0)).sum();
  }

  private static String step(long done, long total) {
    return total == 0
        ? Long.toString(done)
        : String.format(Locale.ROOT, "%d of %d, %.1f %%", done, total, 100.0 * done / total);
  }

  private void addSpeed(@Nullable RoundStatistics round, List<Map<String, Double>> steps) {
    if (round == null) {
      mean(steps, "images_per_second").ifPresent(mean -> add("speed", rate(mean)));
      return;
    }
    String waiting =
        round.waitShare() == null
            ? ""
            : String.format(
                Locale.ROOT, ", waiting for images %.1f %% of the time", 100 * round.waitShare());
    add("speed", rate(round.images() / round.seconds()) + waiting);
  }

  private static String rate(double rate) {
    return Progress.rate(rate, "images");
  }

  private void addMetrics(List<Map<String, Double>> steps) {
    TreeSet<String> names = new TreeSet<>();
    steps.forEach(step -> names.addAll(step.keySet()));
    for (String name : names) {
      if (name.endsWith("loss")
          || name.endsWith("accuracy")
          || name.endsWith("miou")
          || CODEBOOK.contains(name)) {
        mean(steps, name).ifPresent(mean -> add(name, number(mean) + error(steps, name)));
      }
    }
  }

  /** The standard error of an accuracy, if the run has measured it. */
  private static String error(List<Map<String, Double>> steps, String name) {
    OptionalDouble error = mean(steps, name.replaceFirst("accuracy$", "standard_error"));
    return name.endsWith("accuracy") && error.isPresent()
        ? " ± " + number(error.getAsDouble())
        : "";
  }

  private static OptionalDouble mean(List<Map<String, Double>> steps, String name) {
    return steps.stream()
        .map(step -> step.get(name))
        .filter(Objects::nonNull)
        .mapToDouble(Double::doubleValue)
        .average();
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, Math.abs(value) < 100 ? "%.3f" : "%.0f", value);
  }

  private static double seconds(Duration duration) {
    return duration.toMillis() / 1e3;
  }

  private static String span(double seconds) {
    return Progress.span(Duration.ofMillis(Math.round(seconds * 1e3)));
  }

  private void addCount(String name, @Nullable Number count) {
    if (count != null && count.longValue() > 0) {
      add(name, count.toString());
    }
  }

  private void add(String name, String value) {
    lines.add(new Line(PlainText.of(name), PlainText.of(value)));
  }
}
