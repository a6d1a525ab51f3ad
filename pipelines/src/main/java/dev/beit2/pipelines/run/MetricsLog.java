package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.time.Clock;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * The metrics of one run, as JSON lines and for TensorBoard.
 *
 * <pre>
 * RUN/metrics.jsonl                           {"step":120,"loss":5.9,"seconds":0.21,…}
 * RUN/events.out.tfevents.1767225600.beit2    one per job
 * </pre>
 *
 * <p>In {@code metrics.jsonl} a run that was killed and continued has each step once, with the same
 * values as a run that was not killed, except for {@link #TIMING}. In TensorBoard the steps of a
 * repeated round are replaced as well: each round begins with a session start, at which TensorBoard
 * drops later steps.
 *
 * <p>Both files can be read at any time, also after a crash.
 */
public final class MetricsLog {
  /** The metrics that measure time, and therefore differ between runs. */
  public static final Set<String> TIMING =
      Set.of("seconds", "images_per_second", "wait_share", "averaging_share");

  public static final String STEP = "step";

  private static final String LINES = "metrics.jsonl";

  private MetricsLog() {}

  /**
   * Logs the steps of a round. Replaces what an earlier attempt at the round has logged.
   *
   * @param afterStep the step of the checkpoint from which the round began; later steps that were
   *     logged before are dropped
   * @param jobStart when the job of the round began
   * @param steps the metrics of each step, including its number as {@code step}, ascending from
   *     afterStep + 1. The time of each step is computed from its {@code seconds}, if it has them
   */
  public static void append(
      String runDirectory, long afterStep, Instant jobStart, List<Map<String, Double>> steps)
      throws IOException {
    append(runDirectory, afterStep, jobStart, steps, Clock.systemUTC());
  }

  static void append(
      String runDirectory,
      long afterStep,
      Instant jobStart,
      List<Map<String, Double>> steps,
      Clock clock)
      throws IOException {
    if (steps.isEmpty()) {
      return;
    }
    requireAscending(afterStep, steps);
    StringBuilder round = new StringBuilder();
    for (Map<String, Double> step : steps) {
      round.append(line(step)).append('\n');
    }
    new GrowingFile(StoredFile.in(runDirectory, LINES))
        .append(
            content ->
                new GrowingFile.End(endOf(afterStep, content), round.toString().getBytes(UTF_8)));
    EventFile.append(runDirectory, afterStep, jobStart, steps, times(steps, clock.instant()));
  }

  private static void requireAscending(long afterStep, List<Map<String, Double>> steps) {
    double last = afterStep;
    for (Map<String, Double> step : steps) {
      double number = step.get(STEP);
      if (number <= last) {
        throw new IllegalArgumentException("step " + number + " after step " + last);
      }
      last = number;
    }
  }

  /** The offset at the end of the line of a step, or of the last step before it. */
  private static long endOf(long step, SeekableByteChannel content) throws IOException {
    LastLines lines = new LastLines(content);
    while (true) {
      long end = lines.position();
      Optional<String> line = lines.previous();
      if (line.isEmpty()) {
        return end;
      }
      Optional<Map<String, Double>> logged = parse(line.get());
      if (logged.isPresent() && logged.get().get(STEP) <= step) {
        return end;
      }
    }
  }

  private static String line(Map<String, Double> step) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put(STEP, step.get(STEP).longValue());
    // Sorted, so that the line does not depend on the type of map. JSON has no NaN and no infinity.
    new TreeMap<>(step)
        .forEach((name, value) -> line.putIfAbsent(name, Double.isFinite(value) ? value : null));
    return Json.line(line);
  }

  /** The time of each step, if the last one was taken just now. */
  private static List<Instant> times(List<Map<String, Double>> steps, Instant now) {
    List<Instant> times = new ArrayList<>(Collections.nCopies(steps.size(), now));
    for (int i = steps.size() - 1; i > 0; i--) {
      double seconds = steps.get(i).getOrDefault("seconds", 0.0);
      times.set(i - 1, times.get(i).minusMillis(Math.round(seconds * 1e3)));
    }
    return times;
  }

  /**
   * The logged steps of a run in order, each with its number as {@code step} among the metrics. A
   * value that was not finite is NaN. An unfinished last line of a killed run is skipped, and so
   * are broken lines: metrics are for people, and no run depends on them.
   */
  public static List<Map<String, Double>> read(String runDirectory) throws IOException {
    List<Map<String, Double>> steps = new ArrayList<>();
    for (String line : wholeLines(StoredFile.in(runDirectory, LINES))) {
      parse(line).ifPresent(steps::add);
    }
    return steps;
  }

  /**
   * The last steps of a run, as {@link #read} returns them. Only the end of the file is read.
   *
   * @param afterStep only steps after this one are returned
   * @param most largest number of steps that are returned
   */
  public static List<Map<String, Double>> readLast(String runDirectory, long afterStep, int most)
      throws IOException {
    Deque<Map<String, Double>> steps = new ArrayDeque<>();
    StoredFile file = StoredFile.in(runDirectory, LINES);
    if (!file.exists()) {
      return List.of();
    }
    try (SeekableByteChannel content = file.openSeekable()) {
      LastLines lines = new LastLines(content);
      while (steps.size() < most) {
        Optional<String> line = lines.previous();
        if (line.isEmpty()) {
          break;
        }
        Optional<Map<String, Double>> step = parse(line.get());
        if (step.isPresent() && step.get().get(STEP) <= afterStep) {
          break;
        }
        step.ifPresent(steps::addFirst);
      }
    }
    return List.copyOf(steps);
  }

  private static List<String> wholeLines(StoredFile file) throws IOException {
    if (!file.exists()) {
      return List.of();
    }
    String text = file.readText();
    return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
  }

  /** The metrics of a line; empty if it is not one that {@link #append} writes. */
  private static Optional<Map<String, Double>> parse(String line) {
    Map<String, Double> metrics = new LinkedHashMap<>();
    try {
      for (Map.Entry<String, Object> metric : Json.object(line).entrySet()) {
        if (metric.getValue() != null && !(metric.getValue() instanceof Number)) {
          return Optional.empty();
        }
        metrics.put(
            metric.getKey(),
            metric.getValue() instanceof Number number ? number.doubleValue() : Double.NaN);
      }
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
    return metrics.getOrDefault(STEP, 0.0) >= 1 ? Optional.of(metrics) : Optional.empty();
  }
}
