package dev.beit2.pipelines.finetune;

import dev.beit2.io.image.ImageBatch;

/**
 * A batch for fine-tuning.
 *
 * @param images [B, 3, S, S]
 * @param labels B class numbers
 */
@SuppressWarnings("ArrayRecordComponent") // Buffers that are filled again and again.
record LabelledBatch(ImageBatch images, long[] labels) {
  static LabelledBatch allocate(int batch, int side) {
    return new LabelledBatch(new ImageBatch(batch, side), new long[batch]);
  }
}
