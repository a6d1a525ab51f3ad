package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import org.apache.beam.sdk.coders.DefaultCoder;

/**
 * An image that could not be used, or a file of images that could not be read.
 *
 * @param key the key of its {@link ImageRecord}, or the file's name
 * @param reason why, in a few words
 */
@DefaultCoder(RejectedImageCoder.class)
public record RejectedImage(String key, String reason) {
  public RejectedImage {
    requireNonNull(key, "key is null");
    requireNonNull(reason, "reason is null");
  }
}
