package dev.beit2.model.mim;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.Arrays;

/**
 * The masked patches of a batch and their codes.
 *
 * @param mask [B, N], 1 where masked
 * @param rows [M] the masked patches as rows of [B · (1 + N)] tokens, image by image, row by row
 * @param labels [M] their codes
 */
public record MaskedPatches(NDArray mask, NDArray rows, NDArray labels) {

  /**
   * Converts plain arrays.
   *
   * @param masks B · N, true where masked
   * @param codes B · N, one code per patch
   * @throws IllegalArgumentException if nothing is masked
   */
  public static MaskedPatches of(NDManager manager, boolean[] masks, int[] codes, int batch) {
    int patches = masks.length / batch;
    float[] mask = new float[masks.length];
    long[] rows = new long[masks.length];
    long[] labels = new long[masks.length];
    int masked = 0;
    for (int i = 0; i < masks.length; i++) {
      if (masks[i]) {
        mask[i] = 1;
        rows[masked] = (long) (i / patches) * (patches + 1) + 1 + i % patches;
        labels[masked++] = codes[i];
      }
    }
    if (masked == 0) {
      throw new IllegalArgumentException("no patch of the batch is masked");
    }
    return new MaskedPatches(
        manager.create(mask, new Shape(batch, patches)),
        manager.create(Arrays.copyOf(rows, masked)),
        manager.create(Arrays.copyOf(labels, masked)));
  }
}
