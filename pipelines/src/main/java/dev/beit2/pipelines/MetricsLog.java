package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.time.Clock;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * The metrics of one run, as JSON lines and for TensorBoard.
 *
 * <pre>
 * RUN/metrics.jsonl                           {"step":120,"loss":5.9,"seconds":0.21,…}
 * RUN/events.out.tfevents.1767225600.beit2    one a start
 * </pre>
 *
 * <p>A run that was killed and continued has each step once in {@code metrics.jsonl}, and the same
 * values as one that was not killed, but for {@link #TIMING}. In TensorBoard the steps after the
 * checkpoint are replaced, too: the new event file begins with a session start, at which
 * TensorBoard drops what it has read of that step and later ones.
 *
 * <p>On the local disk each line is there once {@link #log} has returned. In an object store, which
 * cannot append, the files are written whole by {@link #flush} and {@link #close}.
 */
final class MetricsLog implements AutoCloseable {
  /** The metrics that tell how long something took, and so differ from run to run. */
  static final Set<String> TIMING = Set.of("seconds", "images_per_second");

  private static final String LINES = "metrics.jsonl";
  private static final String STEP = "step";

  private final AppendedFile lines;
  private final EventFile events;

  private MetricsLog(AppendedFile lines, EventFile events) {
    this.lines = lines;
    this.events = events;
  }

  /**
   * Opens the log of a run that continues after a step.
   *
   * @param afterStep the step of the checkpoint that the run continues from, 0 for a new run; what
   *     an earlier start logged of later steps is dropped
   */
  static MetricsLog resume(String runDirectory, long afterStep) throws IOException {
    return resume(runDirectory, afterStep, Clock.systemUTC());
  }

  static MetricsLog resume(String runDirectory, long afterStep, Clock clock) throws IOException {
    requireNonNull(clock, "clock is null");
    StoredFile file = StoredFile.in(runDirectory, LINES);
    StringBuilder kept = new StringBuilder();
    for (String line : wholeLines(file)) {
      if (parse(line).get(STEP) <= afterStep) {
        kept.append(line).append('\n');
      }
    }
    AppendedFile lines = AppendedFile.startingWith(file, kept.toString().getBytes(UTF_8));
    return new MetricsLog(lines, EventFile.next(runDirectory, afterStep, clock));
  }

  /**
   * Logs the metrics of one step.
   *
   * @param step optimizer steps done, this one included
   */
  synchronized void log(long step, Map<String, Double> metrics) throws IOException {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put(STEP, step);
    // Sorted, so that the line does not depend on the kind of map; JSON has no NaN and no infinity.
    new TreeMap<>(metrics)
        .forEach((name, value) -> line.put(name, Double.isFinite(value) ? value : null));
    lines.append((Json.line(line) + "\n").getBytes(UTF_8));
    events.log(step, metrics);
  }

  /** Makes what was logged so far readable by others, wherever the run's folder is. */
  synchronized void flush() throws IOException {
    lines.flush();
    events.flush();
  }

  @Override
  public synchronized void close() throws IOException {
    lines.close();
    events.close();
  }

  /**
   * The logged steps of a run in order, each with its {@code step} among the metrics; a value that
   * was not finite is NaN. A last line that a killed run left unfinished is left out.
   */
  static List<Map<String, Double>> read(String runDirectory) throws IOException {
    List<Map<String, Double>> steps = new ArrayList<>();
    for (String line : wholeLines(StoredFile.in(runDirectory, LINES))) {
      steps.add(parse(line));
    }
    return steps;
  }

  private static List<String> wholeLines(StoredFile file) throws IOException {
    if (!file.exists()) {
      return List.of();
    }
    String text = file.readText();
    return text.substring(0, text.lastIndexOf('\n') + 1).lines().toList();
  }

  private static Map<String, Double> parse(String line) throws JsonProcessingException {
    Map<String, Double> metrics = new LinkedHashMap<>();
    Json.object(line)
        .forEach(
            (name, value) ->
                metrics.put(
                    name, value instanceof Number number ? number.doubleValue() : Double.NaN));
    return metrics;
  }
}
