package dev.beit2.io.image.source;

import dev.beit2.io.image.RejectedImage;
import javax.annotation.Nullable;

/** Receives the images and the rejected images of a partition, in their order. */
interface ImageSink {
  /**
   * An image.
   *
   * @param offset of the stored image in its file, in bytes
   * @param length of the stored image in bytes
   * @param bytes the encoded image, or null if only the positions were requested
   */
  void image(String key, @Nullable Integer label, long offset, int length, @Nullable byte[] bytes);

  /** An unusable image, or the rest of a broken archive. */
  void rejected(RejectedImage rejected);
}
