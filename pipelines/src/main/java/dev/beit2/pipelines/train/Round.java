package dev.beit2.pipelines.train;

import dev.beit2.pipelines.run.RunPosition;
import java.io.Serializable;

/**
 * A round of training: all workers start from the same parameters, each takes the same number of
 * steps on its own part of the data, and the next round starts from the average.
 *
 * @param workers N
 * @param from position of the run at the start of the round
 * @param steps of each worker, H
 * @param batchSize images per step of one worker
 * @param lastOfJob whether no other round follows in the same job
 */
record Round(int workers, RunPosition from, int steps, int batchSize, boolean lastOfJob)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Images that all workers see together. */
  long images() {
    return (long) workers * steps * batchSize;
  }

  /** Position of the run at the end of the round. */
  RunPosition end() {
    return new RunPosition(from.step() + steps, from.images() + images());
  }

  /** Whether parameters are averaged; a single worker's are kept as they are. */
  boolean averages() {
    return workers > 1;
  }
}
