package dev.beit2.model.train;

import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.List;

/**
 * A network in training as rounds see it: tensors that workers average, and files from which it
 * goes on to the bit.
 */
public interface Learner extends AutoCloseable {

  /** Optimizer steps done. */
  long step();

  /** The tensors that workers average: all of float32, in the order of the model's file. */
  List<SharedTensor> sharedTensors();

  /**
   * A copy of a tensor's values.
   *
   * @param name of one of the {@link #sharedTensors}
   * @throws IllegalArgumentException if there is none of that name
   */
  FloatBuffer values(String name);

  /**
   * Writes the parameters and buffers as safetensors, under official names, with the config in the
   * metadata.
   */
  void writeModel(WritableByteChannel out) throws IOException;

  /** Writes the optimizer's moments, and whatever else the next step depends on, as safetensors. */
  void writeOptimizer(WritableByteChannel out) throws IOException;

  /**
   * Takes the parameters and buffers of a checkpoint. The optimizer stays where it is, and with it
   * {@link #step}.
   *
   * @throws IllegalArgumentException if it is of another kind or shape, naming both
   */
  void restoreModel(ReadableByteChannel model) throws IOException;

  /**
   * Takes what {@link #writeOptimizer} wrote: moments, step, and whatever else the next step
   * depends on beside the model.
   *
   * @throws IllegalArgumentException if it is of another model
   */
  void restoreOptimizer(ReadableByteChannel optimizer) throws IOException;

  @Override
  void close();
}
