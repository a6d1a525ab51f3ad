package dev.beit2.pipelines.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * What a worker tells of its part of a round.
 *
 * @param worker its number, from 0
 * @param started when the round began, milliseconds since 1970
 * @param seconds that its steps took, waiting included
 * @param waitSeconds of these, waiting for images
 * @param bytes of parameters that it sent to be averaged
 * @param steps the metrics of each of its steps, in order
 * @param rejected images, and shards of them, that the run found not to be usable so far
 * @param corruptShards the keys of those that are shards
 * @param failure why it stopped short, or null
 */
public record WorkerReport(
    int worker,
    long started,
    double seconds,
    double waitSeconds,
    long bytes,
    List<Map<String, Double>> steps,
    List<RejectedImage> rejected,
    Set<String> corruptShards,
    @Nullable String failure) {

  /** Of a round that an earlier try of the job has done. */
  static WorkerReport done(int worker, long started) {
    return new WorkerReport(worker, started, 0, 0, 0, List.of(), List.of(), Set.of(), null);
  }

  WorkerReport withBytes(long sent) {
    return new WorkerReport(
        worker, started, seconds, waitSeconds, sent, steps, rejected, corruptShards, failure);
  }

  String toJson() {
    return Json.line(this);
  }

  static WorkerReport parse(String json) throws JsonProcessingException {
    return Json.read(json, WorkerReport.class);
  }
}
