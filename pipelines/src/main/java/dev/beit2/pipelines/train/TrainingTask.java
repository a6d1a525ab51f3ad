package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.model.train.Trainer;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A network in training on a worker, together with its data: what differs between the trainings.
 *
 * @param <ExampleT> an example as it is stored
 * @param <BatchT> a batch: buffers that are filled again and again
 */
public interface TrainingTask<ExampleT, BatchT> extends AutoCloseable {
  /** The network and its optimizer. */
  Trainer trainer();

  /** Allocates the buffers of a batch. */
  BatchT newBatch();

  /**
   * Reads the example at a position of the run, which is a pure function of the position.
   *
   * @return never null
   */
  ExampleT read(long position) throws IOException;

  /**
   * Decodes and augments an example into a slot of a batch. Several threads may call this at the
   * same time, never for the same slot of the same batch.
   *
   * @param example what {@link #read} has returned for the position
   */
  void fill(long position, ExampleT example, BatchT batch, int slot) throws IOException;

  /**
   * Initializes what depends on the run's first batch, such as a codebook, before several workers
   * start from the same parameters.
   */
  void initialize(BatchT firstBatch);

  /** Takes one optimizer step and returns its metrics by name. */
  Map<String, Double> step(BatchT batch);

  /** The keys of the images in a batch. */
  List<String> keys(BatchT batch);

  /** Images, and shards, that could not be used so far, sorted by key. */
  List<RejectedImage> rejected();

  /** The keys of those {@link #rejected} that are shards. */
  default Set<String> corruptShards() {
    return Set.of();
  }

  /** Adds the images that an earlier start of the run could not use. */
  void addRejected(List<RejectedImage> images);

  @Override
  void close() throws IOException;
}
