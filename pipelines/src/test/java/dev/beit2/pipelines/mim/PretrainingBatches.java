package dev.beit2.pipelines.mim;

import dev.beit2.io.shard.ShardManifest;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.nio.ByteBuffer;

/** The batches that pretraining sees, for tests of other packages. */
public final class PretrainingBatches implements AutoCloseable {
  private final MimTraining training;
  private final MimBatch batch;
  private final int batchSize;

  public PretrainingBatches(PretrainMim.Options options) throws IOException {
    this.training =
        MimTraining.open(
            MimSpec.of(options, "test", ShardManifest.read(options.getShards())),
            RunPosition.START);
    this.batchSize = options.getBatchSize();
    this.batch = training.newBatch(batchSize);
  }

  /**
   * A batch.
   *
   * @param images [B, 3, S, S] in [0, 1]
   * @param codes B · N
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  public record Batch(ByteBuffer images, int[] codes) {}

  /** The batch that starts at a position of the run; valid until the next one is read. */
  public Batch at(long position) throws IOException {
    for (int slot = 0; slot < batchSize; slot++) {
      training.fill(position + slot, training.read(position + slot), batch, slot);
    }
    return new Batch(batch.images().first(batchSize), batch.codes());
  }

  @Override
  public void close() throws IOException {
    training.close();
  }
}
