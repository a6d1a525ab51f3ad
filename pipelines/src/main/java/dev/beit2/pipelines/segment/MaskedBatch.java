package dev.beit2.pipelines.segment;

import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.LabelMask;
import dev.beit2.io.image.SegmentationAugmentation.Sample;
import dev.beit2.model.vit.ImageNet;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * A batch of crops.
 *
 * @param images [B, 3, S, S]
 * @param labels [B, S, S], a byte each
 */
record MaskedBatch(ImageBatch images, ByteBuffer labels) {
  static MaskedBatch allocate(int batch, int side) {
    return new MaskedBatch(
        new ImageBatch(batch, side), ByteBuffer.allocateDirect(batch * side * side));
  }

  /** Writes a crop; where it is smaller than S, there is the mean colour and no class. */
  void put(int slot, String key, Sample crop) {
    int side = images.side();
    LabelMask mask = crop.mask();
    images.put(slot, crop.image(), 0, 0, mask.width(), mask.height(), ImageNet.mean());
    images.name(slot, key);
    byte[] row = new byte[side];
    for (int y = 0; y < side; y++) {
      Arrays.fill(row, (byte) LabelMask.IGNORED);
      if (y < mask.height()) {
        System.arraycopy(mask.labels(), y * mask.width(), row, 0, mask.width());
      }
      labels.put((slot * side + y) * side, row);
    }
  }

  /** The labels of the first images; a view, not a copy. */
  ByteBuffer firstLabels(int count) {
    return labels.slice(0, count * images.side() * images.side());
  }
}
