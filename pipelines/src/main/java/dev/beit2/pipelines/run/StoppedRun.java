package dev.beit2.pipelines.run;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.train.Round;
import dev.beit2.pipelines.train.WorkerReport;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Why a run stopped by itself: {@code RUN/stopped.json}. */
public final class StoppedRun {
  private static final String FILE = "stopped.json";
  private static final String REASON = "reason";

  private StoppedRun() {}

  public static void write(String output, Round round, WorkerReport stopped) throws IOException {
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("step", round.from().step() + stopped.steps().size() + 1);
    content.put("worker", stopped.worker());
    content.put(REASON, stopped.failure());
    StoredFile.in(output, FILE).write(Json.pretty(content));
  }

  /** The reason, if the run stopped. */
  public static Optional<String> reason(String output) throws IOException {
    StoredFile file = StoredFile.in(output, FILE);
    return file.exists()
        ? Optional.of(String.valueOf(Json.object(file.readText()).get(REASON)))
        : Optional.empty();
  }

  /** Another start may do better: with another precision, say. */
  public static void clear(String output) throws IOException {
    StoredFile.in(output, FILE).deleteIfExists();
  }
}
