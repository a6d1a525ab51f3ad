package dev.beit2.pipelines.train;

import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.io.Serializable;

/**
 * A training as the launcher has planned and validated it, with every number resolved. The launcher
 * sends it to the workers, which open it.
 */
public interface TrainingSpec extends Serializable {
  /** Rounds, schedule and resources of the run. */
  TrainingPlan plan();

  /**
   * Builds the network and opens the data on a worker.
   *
   * @param from where the run stands; parameters are restored by the caller
   */
  TrainingTask<?, ?> open(RunPosition from) throws IOException;
}
