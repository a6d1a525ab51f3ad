package dev.beit2.pipelines.train;

import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;

/**
 * A worker's report of its part of a round.
 *
 * @param worker its number, from 0
 * @param started when the round began, milliseconds since 1970
 * @param seconds that its steps took, including the time in which it waited for images
 * @param waitSeconds in which it waited for images
 * @param bytes of parameters that it sent to be averaged
 * @param steps the metrics of each of its steps, in order
 * @param rejected images, and shards, that the run could not use so far
 * @param corruptShards the keys of those that are shards
 * @param failure why it stopped early; null if it did not
 */
record WorkerReport(
    int worker,
    long started,
    double seconds,
    double waitSeconds,
    long bytes,
    List<Map<String, Double>> steps,
    List<RejectedImage> rejected,
    Set<String> corruptShards,
    @Nullable String failure) {

  static final Coder<WorkerReport> CODER = Json.coder(WorkerReport.class);

  /** The report of a round that an earlier attempt of the job has completed. */
  static WorkerReport ofCompletedRound(int worker, long started) {
    return new WorkerReport(worker, started, 0, 0, 0, List.of(), List.of(), Set.of(), null);
  }

  WorkerReport withBytes(long sent) {
    return new WorkerReport(
        worker, started, seconds, waitSeconds, sent, steps, rejected, corruptShards, failure);
  }
}
