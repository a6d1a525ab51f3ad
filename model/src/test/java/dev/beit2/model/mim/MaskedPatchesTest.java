package dev.beit2.model.mim;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.Torch;
import org.junit.jupiter.api.Test;

class MaskedPatchesTest {
  @Test
  void rowsSkipTheClsTokenOfEachImage() {
    boolean[] masks = {false, true, false, true, true, false, false, false};
    int[] codes = {10, 11, 12, 13, 14, 15, 16, 17};
    try (NDManager manager = Torch.newManager()) {
      MaskedPatches masked = MaskedPatches.of(manager, masks, codes, 2);
      assertEquals(new Shape(2, 4), masked.mask().getShape());
      assertArrayEquals(new float[] {0, 1, 0, 1, 1, 0, 0, 0}, masked.mask().toFloatArray());
      // Tokens of the first image: [CLS] is 0, patches are 1 to 4; of the second: 5, and 6 to 9.
      assertArrayEquals(new long[] {2, 4, 6}, masked.rows().toLongArray());
      assertArrayEquals(new long[] {11, 13, 14}, masked.labels().toLongArray());
    }
  }

  @Test
  void aBatchWithoutMaskedPatchesIsRefused() {
    try (NDManager manager = Torch.newManager()) {
      assertThrows(
          IllegalArgumentException.class,
          () -> MaskedPatches.of(manager, new boolean[8], new int[8], 2));
    }
  }
}
