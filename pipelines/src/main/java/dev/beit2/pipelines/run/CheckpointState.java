package dev.beit2.pipelines.run;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.util.List;
import javax.annotation.Nullable;

/**
 * What {@code state.json} says of a checkpoint: the components' names are the file's. Older files
 * lack some of them.
 *
 * @param step optimizer steps of each worker
 * @param checkpoint the checkpoint's ordinal in its run, from 1; null in a state that is not
 *     written yet
 * @param images seen by all workers together; null in runs from before there were several workers
 * @param workers of the round that ended here; 0 before the first step, null in runs from before
 *     there were several workers
 * @param steps of the whole run; null in older runs
 * @param round what was measured in the round that ended here; null before the first step
 * @param time when the round ended, ISO 8601 in UTC; null before the first step
 * @param rejected images, and shards, that the run could not use so far; null before the first step
 */
@JsonPropertyOrder({
  "step",
  "checkpoint",
  "images",
  "workers",
  "steps",
  "round",
  "time",
  "rejected"
})
@JsonInclude(JsonInclude.Include.NON_NULL)
@JsonIgnoreProperties(ignoreUnknown = true)
public record CheckpointState(
    long step,
    @Nullable Long checkpoint,
    @Nullable Long images,
    @Nullable Integer workers,
    @Nullable Long steps,
    @Nullable RoundStatistics round,
    @Nullable String time,
    @Nullable List<RejectedImage> rejected) {

  /**
   * What was measured in a round.
   *
   * @param seconds from the beginning of the round to its checkpoint
   * @param trainSeconds of these, taken by the steps of the slowest worker
   * @param images seen by all workers together
   * @param waitShare fraction of the steps' time in which workers waited for images, 0 to 1; null
   *     in older runs
   * @param averagedBytes of parameters that the workers sent
   * @param loss mean over the round's steps
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record RoundStatistics(
      double seconds,
      double trainSeconds,
      long images,
      @Nullable Double waitShare,
      long averagedBytes,
      double loss) {}

  public CheckpointState {
    rejected = rejected == null ? null : List.copyOf(rejected);
  }

  /**
   * The state of a checkpoint that no worker has trained for.
   *
   * @param steps of the whole run
   */
  public static CheckpointState untrained(long steps) {
    return new CheckpointState(0, null, 0L, 0, steps, null, null, null);
  }

  static CheckpointState parse(String json) throws IOException {
    CheckpointState state = Json.read(json, CheckpointState.class);
    if (state == null) {
      throw new IOException("null is not a state");
    }
    return state;
  }

  CheckpointState withOrdinal(long ordinal) {
    return new CheckpointState(step, ordinal, images, workers, steps, round, time, rejected);
  }

  /** The checkpoint's ordinal in its run; 0 if the file does not have it. */
  long ordinal() {
    return checkpoint == null ? 0 : checkpoint;
  }

  /** Workers of the round that ended here; 0 if no worker has taken a step yet. */
  public int workersOfRound() {
    return workers == null ? 1 : workers;
  }

  /** Images, and shards, that the run could not use so far. */
  public List<RejectedImage> rejectedSoFar() {
    return rejected == null ? List.of() : rejected;
  }
}
