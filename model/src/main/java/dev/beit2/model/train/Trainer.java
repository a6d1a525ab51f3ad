package dev.beit2.model.train;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.List;

/**
 * A network in training: the tensors that several workers average, and the files from which
 * training continues bit for bit.
 */
public interface Trainer extends AutoCloseable {

  /** Optimizer steps done. */
  long step();

  /** The tensors that workers average: all float32 tensors, in the order of the model's file. */
  List<SharedTensor> sharedTensors();

  /**
   * A copy of a tensor's values.
   *
   * @param name of one of the {@link #sharedTensors}
   * @throws IllegalArgumentException if there is no tensor of that name
   */
  FloatBuffer values(String name);

  /**
   * What this worker adds to the workers' average of a tensor: its {@link #values}, or unit vectors
   * whose lengths are their weights.
   *
   * @param name of one of the {@link #sharedTensors}
   */
  default FloatBuffer contribution(String name) {
    return values(name);
  }

  /**
   * Writes the parameters and buffers as safetensors, under official names, with the config in the
   * metadata.
   */
  void writeModel(WritableByteChannel out) throws IOException;

  /**
   * Writes the optimizer's moments, and other state that the next step depends on, as safetensors.
   */
  void writeOptimizer(WritableByteChannel out) throws IOException;

  /**
   * Loads the parameters and buffers of a checkpoint. The optimizer and {@link #step} do not
   * change.
   *
   * @throws InvalidCheckpointException if the file is not exactly that of this network, naming the
   *     difference; nothing has changed then
   */
  void restoreModel(ReadableByteChannel model) throws IOException;

  /**
   * Loads what {@link #writeOptimizer} has written: moments, step, and other state that the next
   * step depends on.
   *
   * @throws InvalidCheckpointException if the file is not exactly that of this trainer, naming the
   *     difference; nothing has changed then
   */
  void restoreOptimizer(ReadableByteChannel optimizer) throws IOException;

  @Override
  void close();
}
