package dev.beit2.pipelines.run;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import java.time.Instant;
import java.time.format.DateTimeParseException;
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
   * @param trainSeconds of these, taken by the steps of the slowest worker; null in older runs
   * @param images seen by all workers together
   * @param waitShare fraction of the steps' time in which workers waited for images, 0 to 1; null
   *     in older runs
   * @param averagedBytes of parameters that the workers sent; null in older runs
   * @param loss mean over the round's steps
   */
  @JsonIgnoreProperties(ignoreUnknown = true)
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record RoundStatistics(
      double seconds,
      @Nullable Double trainSeconds,
      long images,
      @Nullable Double waitShare,
      @Nullable Long averagedBytes,
      double loss) {}

  /**
   * Checks that the numbers are in their ranges and fit together.
   *
   * @throws IllegalArgumentException if they are not, naming one
   */
  public CheckpointState {
    require("step", step, 0);
    require("checkpoint", checkpoint, 1);
    require("images", images, step);
    require("workers", workers, step == 0 ? 0 : 1);
    require("steps", steps, 1);
    if ((images == null) != (workers == null)) {
      throw new IllegalArgumentException("images without workers, or workers without images");
    }
    if (step == 0 && (images != null && images > 0 || workers != null && workers > 0)) {
      throw new IllegalArgumentException("images or workers before the first step");
    }
    if (round != null && images != null && (round.images < 0 || round.images > images)) {
      throw new IllegalArgumentException(
          "a round of %d images after which %d were seen".formatted(round.images, images));
    }
    if (time != null) {
      requireTime(time);
    }
    rejected = rejected == null ? null : List.copyOf(rejected);
  }

  private static void require(String name, @Nullable Number number, long least) {
    if (number != null && number.longValue() < least) {
      throw new IllegalArgumentException("%s is %s, below %d".formatted(name, number, least));
    }
  }

  private static void requireTime(String time) {
    try {
      Instant.parse(time);
    } catch (DateTimeParseException e) {
      throw new IllegalArgumentException("time is " + time, e);
    }
  }

  /**
   * The state of a checkpoint that no worker has trained for.
   *
   * @param steps of the whole run
   */
  public static CheckpointState untrained(long steps) {
    return new CheckpointState(0, null, 0L, 0, steps, null, null, null);
  }

  static CheckpointState parse(String json) throws JsonProcessingException {
    return Json.read(json, CheckpointState.class);
  }

  /**
   * Checks that this is a position that steps of a batch size lead to.
   *
   * @param before the state of the checkpoint before this one; null if there is none
   * @throws IllegalArgumentException if it is not, naming what does not fit
   */
  void requireReachable(int batchSize, @Nullable CheckpointState before) {
    if (images == null || step == 0) {
      return; // one worker's steps tell it
    }
    if (images % batchSize != 0 || images / batchSize < step) {
      throw new IllegalArgumentException(
          "images is %d, which %d steps of batches of %d images do not give"
              .formatted(images, step, batchSize));
    }
    if (round == null || workers == null) {
      return;
    }
    long roundSteps = round.images / ((long) batchSize * workers);
    long stepsBefore = step - roundSteps;
    long imagesBefore = images - round.images;
    boolean follows = before != null && before.step == stepsBefore && before.images != null;
    if (stepsBefore < 0
        || imagesBefore / batchSize < stepsBefore
        || (stepsBefore == 0) != (imagesBefore == 0)
        || (follows && before.images != imagesBefore)) {
      throw new IllegalArgumentException(
          "images is %d and step %d after a round of %d images by %d workers%s"
              .formatted(
                  images,
                  step,
                  round.images,
                  workers,
                  follows ? ", images was " + before.images + " before" : ""));
    }
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
