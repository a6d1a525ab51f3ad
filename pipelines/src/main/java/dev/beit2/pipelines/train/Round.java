package dev.beit2.pipelines.train;

import dev.beit2.pipelines.run.RunPosition;
import java.io.Serializable;

/**
 * A round of training: the workers begin with the same parameters, each takes the same number of
 * steps on its own part of the data, and their mean is where the next round begins.
 *
 * @param workers N
 * @param from where the run is before it
 * @param steps of each worker, H
 * @param batchSize images a step of one worker
 * @param lastOfJob whether the workers have nothing to keep for a next round
 */
public record Round(int workers, RunPosition from, int steps, int batchSize, boolean lastOfJob)
    implements Serializable {

  /** Images that the workers see together. */
  long images() {
    return (long) workers * steps * batchSize;
  }

  /** Where the run is after it. */
  RunPosition end() {
    return new RunPosition(from.step() + steps, from.images() + images());
  }

  /** Whether the workers' parameters are averaged; one worker has nobody to agree with. */
  boolean averages() {
    return workers > 1;
  }
}
