package dev.beit2.pipelines.run;

import java.io.IOException;
import java.io.Serializable;
import java.util.Map;
import java.util.Optional;

/**
 * How far a run has come.
 *
 * @param step optimizer steps done by each worker
 * @param images seen by all workers together
 */
public record RunPosition(long step, long images) implements Serializable {
  public static final RunPosition START = new RunPosition(0, 0);

  private static final String IMAGES = "images";

  /** Where a checkpoint leaves off, or the start if there is none. */
  public static RunPosition of(Optional<Checkpoint> checkpoint, int batchSize) throws IOException {
    return checkpoint.isPresent() ? of(checkpoint.get(), batchSize) : START;
  }

  private static RunPosition of(Checkpoint checkpoint, int batchSize) throws IOException {
    Object images = checkpoint.state().get(IMAGES);
    // Runs of before there were several workers do not say.
    long seen =
        images instanceof Number number ? number.longValue() : checkpoint.step() * batchSize;
    return new RunPosition(checkpoint.step(), seen);
  }

  public void into(Map<String, Object> state) {
    state.put(IMAGES, images);
  }
}
