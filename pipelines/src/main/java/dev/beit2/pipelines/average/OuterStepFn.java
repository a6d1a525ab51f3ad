package dev.beit2.pipelines.average;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.pipelines.run.Checkpoint;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.util.HashMap;
import java.util.Map;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.KV;

/**
 * Applies the outer optimizer to a chunk: from the parameters with which the round began and the
 * mean of the workers' parameters to those with which the next round begins. Output: file, offset
 * in bytes, values.
 */
final class OuterStepFn extends DoFn<KV<ChunkKey, float[]>, KV<String, KV<Long, float[]>>> {
  private static final long serialVersionUID = 1L;

  private final String checkpoint;
  private final OuterOptimizer optimizer;
  private transient Map<String, OpenTensors> open;

  /**
   * @param checkpoint folder of the checkpoint with which the round began
   */
  OuterStepFn(String checkpoint, OuterOptimizer optimizer) {
    this.checkpoint = checkpoint;
    this.optimizer = optimizer;
  }

  @StartBundle
  public void startBundle() {
    open = new HashMap<>();
  }

  @ProcessElement
  public void processElement(
      @Element KV<ChunkKey, float[]> chunk, OutputReceiver<KV<String, KV<Long, float[]>>> values)
      throws IOException {
    ChunkKey key = chunk.getKey();
    float[] mean = chunk.getValue();
    OpenTensors model = open(Checkpoint.MODEL);
    long offset = model.offset(key);
    switch (key.averaging()) {
      case MEAN -> values.output(value(Checkpoint.MODEL, offset, mean));
      case UNIT_MEAN -> values.output(value(Checkpoint.MODEL, offset, unitRows(mean, key)));
      case OUTER_STEP -> {
        float[] velocity = velocity(offset, mean.length);
        float[] after = optimizer.step(model.read(offset, mean.length), mean, velocity);
        values.output(value(Checkpoint.MODEL, offset, after));
        if (optimizer.hasMomentum()) {
          values.output(value(Checkpoint.OUTER, offset, velocity));
        }
      }
    }
  }

  private static KV<String, KV<Long, float[]>> value(String file, long offset, float[] values) {
    return KV.of(file, KV.of(offset, values));
  }

  /** Normalizes each row: the mean of unit vectors is shorter than a unit vector. */
  private static float[] unitRows(float[] values, ChunkKey key) {
    int length = key.rowLength();
    float[] unit = new float[values.length];
    for (int row = 0; row < values.length; row += length) {
      double squares = 0;
      for (int i = row; i < row + length; i++) {
        squares += (double) values[i] * values[i];
      }
      double norm = Math.max(Math.sqrt(squares), 1e-12);
      for (int i = row; i < row + length; i++) {
        unit[i] = (float) (values[i] / norm);
      }
    }
    return unit;
  }

  /** The momentum before this step. Its file has the same layout as the model's. */
  private float[] velocity(long offset, int length) throws IOException {
    boolean started =
        optimizer.hasMomentum() && StoredFile.in(checkpoint, Checkpoint.OUTER).exists();
    return started ? open(Checkpoint.OUTER).read(offset, length) : new float[length];
  }

  private OpenTensors open(String file) throws IOException {
    OpenTensors tensors = open.get(file);
    if (tensors == null) {
      tensors = OpenTensors.of(StoredFile.in(checkpoint, file));
      open.put(file, tensors);
    }
    return tensors;
  }

  @FinishBundle
  public void finishBundle() throws IOException {
    for (OpenTensors tensors : open.values()) {
      tensors.channel().close();
    }
    open.clear();
  }

  /** A safetensors file, read in parts. */
  private record OpenTensors(SafetensorsHeader header, SeekableByteChannel channel) {
    static OpenTensors of(StoredFile file) throws IOException {
      SeekableByteChannel channel = file.openSeekable();
      SafetensorsHeader header = Safetensors.header(channel);
      if (channel.size() != header.end()) {
        channel.close();
        throw new InvalidCheckpointException(
            "%s has %d bytes; its header needs %d"
                .formatted(file.path(), channel.size(), header.end()));
      }
      return new OpenTensors(header, channel);
    }

    long offset(ChunkKey key) {
      return header.tensors().get(key.tensor()).start() + Float.BYTES * key.from();
    }

    float[] read(long offset, int length) throws IOException {
      ByteBuffer bytes = ByteBuffer.allocate(Float.BYTES * length).order(ByteOrder.LITTLE_ENDIAN);
      channel.position(offset);
      while (bytes.hasRemaining()) {
        if (channel.read(bytes) < 0) {
          throw new EOFException("a checkpoint's file ends early");
        }
      }
      float[] values = new float[length];
      bytes.flip().asFloatBuffer().get(values);
      for (float value : values) {
        if (!Float.isFinite(value)) {
          throw new InvalidCheckpointException("found %s in a checkpoint's file".formatted(value));
        }
      }
      return values;
    }
  }
}
