package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.Json;
import org.apache.beam.sdk.coders.Coder;

/**
 * An image that could not be used, or a file of images that could not be read.
 *
 * @param key the key of its {@link ImageRecord}, or the file's name
 * @param reason why, in a few words
 */
public record RejectedImage(String key, String reason) {
  public static final Coder<RejectedImage> CODER = Json.coder(RejectedImage.class);

  public RejectedImage {
    requireNonNull(key, "key is null");
    requireNonNull(reason, "reason is null");
  }
}
