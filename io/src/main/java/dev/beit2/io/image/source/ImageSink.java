package dev.beit2.io.image.source;

import dev.beit2.io.image.RejectedImage;
import javax.annotation.Nullable;

/** Takes what is found in a partition, in the order of the partition. */
interface ImageSink {
  /**
   * An image.
   *
   * @param offset of what is stored of it in its file
   * @param length of that in bytes
   * @param bytes the encoded image, or null where only the places were asked for
   */
  void image(String key, @Nullable Integer label, long offset, int length, @Nullable byte[] bytes);

  /** Something that is no usable image, or the rest of a broken archive. */
  void rejected(RejectedImage rejected);
}
