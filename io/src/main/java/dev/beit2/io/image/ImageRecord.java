package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.Objects;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.DefaultCoder;

/**
 * An encoded image as it was found.
 *
 * @param key its path inside the set, '/'-separated; it does not depend on how the root's path is
 *     written
 * @param label the index of its class among the set's sorted classes, or null
 * @param bytes the file's content (JPEG, PNG, WebP, …); not to be changed
 */
@DefaultCoder(ImageRecordCoder.class)
@SuppressWarnings("ArrayRecordComponent") // Copying every image for immutability's sake is waste.
public record ImageRecord(String key, @Nullable Integer label, byte[] bytes) {
  public ImageRecord {
    requireNonNull(key, "key is null");
    requireNonNull(bytes, "bytes is null");
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ImageRecord that
        && key.equals(that.key)
        && Objects.equals(label, that.label)
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Objects.hash(key, label, Arrays.hashCode(bytes));
  }

  @Override
  public String toString() {
    return "ImageRecord[key=" + key + ", label=" + label + ", bytes=" + bytes.length + "]";
  }
}
