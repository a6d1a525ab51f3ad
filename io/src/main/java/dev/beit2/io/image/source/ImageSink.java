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

  /**
   * What is stored as the label of the next image is no class number, so that image has none.
   * Matters only to those who use or count labels.
   *
   * @param found the stored label
   */
  default void unusableLabel(String found) {}

  /** An unusable image, or the rest of a broken archive. */
  void rejected(RejectedImage rejected);
}
