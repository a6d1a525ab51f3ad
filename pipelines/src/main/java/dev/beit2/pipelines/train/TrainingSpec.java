package dev.beit2.pipelines.train;

import dev.beit2.pipelines.run.RunPosition;
import java.io.Closeable;
import java.io.IOException;
import java.io.Serializable;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;
import java.util.Optional;

/**
 * A training as the launcher has planned and validated it, with every number resolved. The launcher
 * sends it to the workers, which open it.
 */
public interface TrainingSpec extends Serializable {
  /**
   * Writes what workers in other JVMs need beside the checkpoints. The launcher calls it, which
   * holds the run's folder, and closes the result when no worker is left. A launcher that does not
   * wait for its job leaves it open.
   */
  default Closeable prepareWorkers() throws IOException {
    return () -> {};
  }

  /** Rounds, schedule and resources of the run. */
  TrainingPlan plan();

  /**
   * Builds the network and opens the data on a worker.
   *
   * @param from where the run stands; parameters are restored by the caller
   */
  TrainingTask<?, ?> open(RunPosition from) throws IOException;

  /** Whether data is held out from training, on which {@link #validate} measures checkpoints. */
  default boolean validates() {
    return false;
  }

  /**
   * Measures a checkpoint on data that is held out from training.
   *
   * @param model its {@code model.safetensors}
   * @return metrics by name
   */
  default Map<String, Double> validate(ReadableByteChannel model) throws IOException {
    return Map.of();
  }

  /**
   * What people should know of a checkpoint.
   *
   * @param metrics of its last step, including those of {@link #validate}
   */
  default Optional<String> warning(Map<String, Double> metrics) {
    return Optional.empty();
  }
}
