package dev.beit2.pipelines.run;

import java.io.IOException;
import java.io.Serializable;
import java.util.Optional;

/**
 * How far a run has got.
 *
 * @param step optimizer steps done by each worker
 * @param images seen by all workers together
 */
public record RunPosition(long step, long images) implements Serializable {
  /** Before the first step. */
  public static final RunPosition START = new RunPosition(0, 0);

  /**
   * The position of a checkpoint, or the start if there is none.
   *
   * @param batchSize images per step, for runs from before there were several workers, whose
   *     checkpoints do not say how many images were seen
   */
  public static RunPosition of(Optional<Checkpoint> checkpoint, int batchSize) throws IOException {
    if (checkpoint.isEmpty()) {
      return START;
    }
    long step = checkpoint.get().step();
    Long images = checkpoint.get().state().images();
    return new RunPosition(step, images == null ? step * batchSize : images);
  }
}
