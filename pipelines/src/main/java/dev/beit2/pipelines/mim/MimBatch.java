package dev.beit2.pipelines.mim;

import dev.beit2.io.image.ImageBatch;

/**
 * A batch for pretraining.
 *
 * @param images [B, 3, S, S]
 * @param masks B · N, true where masked
 * @param codes B · N
 */
@SuppressWarnings("ArrayRecordComponent") // Buffers that are filled again and again.
record MimBatch(ImageBatch images, boolean[] masks, int[] codes) {
  static MimBatch allocate(int batch, int side, int patches) {
    return new MimBatch(
        new ImageBatch(batch, side), new boolean[batch * patches], new int[batch * patches]);
  }
}
