package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.beit2.io.image.GreyRange;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;
import javax.annotation.Nullable;

/**
 * What all rows of a set of features have in common.
 *
 * @param backbone where the backbone was read from, for people
 * @param backboneDigest SHA-256 of the {@code model.safetensors} that it is or becomes
 * @param precision of the arithmetic, such as {@code fp32}
 * @param type of the stored numbers
 * @param seed of the order of rows
 * @param greyRange see {@link ShardMetadata}
 * @param vectors the columns, at least one
 */
public record FeatureMetadata(
    String backbone,
    String backboneDigest,
    String precision,
    FeatureType type,
    long seed,
    @Nullable @JsonInclude(JsonInclude.Include.NON_NULL) GreyRange greyRange,
    List<Vector> vectors)
    implements Serializable { // configuration of a transform, which Beam serializes; no data
  private static final Pattern NAME = Pattern.compile("[a-z][a-z0-9_]{0,63}");
  private static final Set<String> OTHER_COLUMNS = Set.of("key", "label");
  private static final int LONGEST = 1 << 24;

  /**
   * A column of vectors.
   *
   * @param name lower-case letters, digits and underscores
   * @param size numbers in each vector
   */
  public record Vector(String name, int size) implements Serializable {
    public Vector {
      if (!NAME.matcher(name).matches() || OTHER_COLUMNS.contains(name)) {
        throw new IllegalArgumentException("a vector named " + name);
      }
      if (size < 1 || size > LONGEST) {
        throw new IllegalArgumentException(
            "%s of %d numbers, not 1 to %d".formatted(name, size, LONGEST));
      }
    }
  }

  public FeatureMetadata {
    requireNonNull(backbone, "backbone is null");
    requireNonNull(backboneDigest, "backboneDigest is null");
    requireNonNull(precision, "precision is null");
    requireNonNull(type, "type is null");
    vectors = new ArrayList<>(requireNonNull(vectors, "vectors is null")); // serializable
    if (vectors.isEmpty()
        || new HashSet<>(vectors.stream().map(Vector::name).toList()).size() < vectors.size()) {
      throw new IllegalArgumentException("no vectors, or two of the same name: " + vectors);
    }
  }
}
