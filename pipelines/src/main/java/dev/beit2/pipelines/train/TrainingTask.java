package dev.beit2.pipelines.train;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.model.train.Trainer;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.PrimitiveIterator;
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

  /** Allocates the buffers of a batch or micro-batch of so many images. */
  BatchT newBatch(int size);

  /**
   * Reads the example at a position of the run, which is a pure function of the position.
   *
   * @return never null
   */
  ExampleT read(long position) throws IOException;

  /** Examples that are read one after the other. */
  interface Examples<ExampleT> {
    ExampleT next() throws IOException;
  }

  /**
   * Reads the examples at positions as {@link #read} does, perhaps before they are asked for.
   *
   * @param positions of the run, in the order in which they are needed
   */
  default Examples<ExampleT> readAhead(PrimitiveIterator.OfLong positions) {
    return () -> read(positions.nextLong());
  }

  /**
   * Decodes and augments an example into a slot of a batch. Several threads may call this at the
   * same time, never for the same slot of the same batch.
   *
   * @param example what {@link #read} has returned for the position
   */
  void fill(long position, ExampleT example, BatchT batch, int slot) throws IOException;

  /**
   * How many of the run's first images {@link #initialize} needs; 0 if no parameter depends on
   * data.
   */
  default int initialImages() {
    return 0;
  }

  /**
   * Initializes what depends on data, such as a codebook, before the first step.
   *
   * @param images the run's first images
   */
  default void initialize(BatchT images) {}

  /**
   * Forward and backward pass on a micro-batch of the current optimizer step.
   *
   * @param size of the micro-batch; the batch may have room for more
   */
  void accumulate(BatchT microBatch, int size);

  /** Takes the optimizer step, and returns its metrics by name. */
  Map<String, Double> update();

  /** The keys of the first images in a batch. */
  List<String> keys(BatchT batch, int size);

  /** Images, and shards, that could not be used so far, sorted by key. */
  List<RejectedImage> rejected();

  /** The keys of those {@link #rejected} that are shards. */
  default Set<String> corruptShards() {
    return Set.of();
  }

  /**
   * How many images are faint so far, in the first epoch that had one; see {@link
   * EncodedImage#isFaint}. Zero where another command has told people.
   */
  default long faint() {
    return 0;
  }

  /** Adds the images that an earlier start of the run could not use. */
  void addRejected(List<RejectedImage> images);

  @Override
  void close() throws IOException;
}
