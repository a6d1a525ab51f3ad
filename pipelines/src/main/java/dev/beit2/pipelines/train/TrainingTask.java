package dev.beit2.pipelines.train;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.model.train.Learner;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What is trained, and on what.
 *
 * @param <ExampleT> an example as it is stored
 * @param <BatchT> a batch: buffers that are filled again and again
 */
public interface TrainingTask<ExampleT, BatchT> extends AutoCloseable {
  TrainingPlan plan();

  Learner learner();

  /** Room for a batch. */
  BatchT newBatch();

  /** Reads the example at a position of the run, never null: a pure function of the position. */
  ExampleT read(long position) throws IOException;

  /**
   * Puts an example, decoded and augmented, into a slot of a batch. Called by several threads at
   * once, never for the same slot of the same batch.
   *
   * @param example what {@link #read} gave for the position
   */
  void fill(long position, ExampleT example, BatchT batch, int slot) throws IOException;

  /** What has to happen once, on the run's first batch, before several workers part. */
  void begin(BatchT batch);

  /** Takes one optimizer step and returns its metrics. */
  Map<String, Double> step(BatchT batch);

  /** The keys of the images in a batch. */
  List<String> keys(BatchT batch);

  /** Images, and shards of them, that turned out not to be usable, by key. */
  List<RejectedImage> rejected();

  /** The keys of those {@link #rejected} that are shards. */
  default Set<String> corruptShards() {
    return Set.of();
  }

  /** Takes over what an earlier start of the run found. */
  void alreadyRejected(List<RejectedImage> images);

  @Override
  void close();
}
