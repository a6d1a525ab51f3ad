package dev.beit2.pipelines.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** Why a run stopped by itself: {@code RUN/stopped.json}. */
public final class StoppedRun {
  private static final String FILE = "stopped.json";
  private static final String REASON = "reason";

  private StoppedRun() {}

  /**
   * Says that a run stopped.
   *
   * @param output the run's folder
   * @param step that could not be taken, from 1
   * @param worker that could not take it
   */
  public static void write(String output, long step, int worker, String reason) throws IOException {
    Map<String, Object> content = new LinkedHashMap<>();
    content.put("step", step);
    content.put("worker", worker);
    content.put(REASON, reason);
    StoredFile.in(output, FILE).write(Json.pretty(content));
  }

  /**
   * The reason, if the run stopped.
   *
   * @throws InvalidInputException if {@code stopped.json} gives no reason
   */
  public static Optional<String> reason(String output) throws IOException {
    StoredFile file = StoredFile.in(output, FILE);
    if (!file.exists()) {
      return Optional.empty();
    }
    String why = "no text";
    try {
      if (Json.object(file.readText()).get(REASON) instanceof String reason) {
        return Optional.of(reason);
      }
    } catch (JsonProcessingException e) {
      why = Json.reason(e);
    }
    throw new InvalidInputException(
        "%s, which gives no reason (%s)".formatted(file.path(), why),
        "one written by a training; the next start deletes it");
  }

  /** Forgets the reason: another start, with another precision for example, may not stop. */
  public static void clear(String output) throws IOException {
    StoredFile.in(output, FILE).deleteIfExists();
  }
}
