package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;

/**
 * A row of a shard: an image and the codes of its views.
 *
 * @param key the image's path inside its set
 * @param label the index of its class, or null
 * @param width the width of the stored image in pixels
 * @param height the height of the stored image in pixels
 * @param jpeg the image as it was found (nearly always JPEG; PNG and WebP stay what they are), or a
 *     smaller JPEG of it; its views are made from these bytes; not to be changed
 * @param views {@link ShardMetadata#views()} views, by view number
 */
@SuppressWarnings("ArrayRecordComponent") // Copying every image for immutability's sake is waste.
public record MimExample(
    String key,
    @Nullable Integer label,
    int width,
    int height,
    byte[] jpeg,
    List<EncodedView> views) {
  public static final Coder<MimExample> CODER = new MimExampleCoder();

  public MimExample {
    requireNonNull(key, "key is null");
    requireNonNull(jpeg, "jpeg is null");
    views = List.copyOf(views);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof MimExample that
        && key.equals(that.key)
        && Objects.equals(label, that.label)
        && width == that.width
        && height == that.height
        && Arrays.equals(jpeg, that.jpeg)
        && views.equals(that.views);
  }

  @Override
  public int hashCode() {
    return Objects.hash(key, label, width, height, Arrays.hashCode(jpeg), views);
  }

  @Override
  public String toString() {
    return String.format(
        "MimExample[key=%s, label=%s, %dx%d, jpeg=%d, views=%d]",
        key, label, width, height, jpeg.length, views.size());
  }
}
