package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;

/**
 * The features of an image.
 *
 * @param key the image's, unique in its set
 * @param label its class, or null
 * @param vectors in the order of {@link FeatureMetadata#vectors}; not to be changed
 */
public record FeatureRow(String key, @Nullable Integer label, List<float[]> vectors) {
  public static final Coder<FeatureRow> CODER = new FeatureRowCoder();

  public FeatureRow {
    requireNonNull(key, "key is null");
    vectors = List.copyOf(vectors);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof FeatureRow that
        && key.equals(that.key)
        && Objects.equals(label, that.label)
        && Arrays.deepEquals(vectors.toArray(), that.vectors.toArray());
  }

  @Override
  public int hashCode() {
    return Objects.hash(key, label, Arrays.deepHashCode(vectors.toArray()));
  }
}
