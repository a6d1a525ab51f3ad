package dev.beit2.model.checkpoint;

import static dev.beit2.model.checkpoint.InvalidCheckpointException.shown;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * The metadata of a {@code model.safetensors}: which network its tensors belong to.
 *
 * @param kind of the network, such as {@code vqkd}; null if the file has none
 * @param config the network's config as JSON; null if the file has none
 * @param greyRange the values of grey images of 16 bits that were black and white in training, as
 *     {@code MIN,MAX} or {@code minmax}; null if the file says nothing
 */
public record ModelMetadata(
    @Nullable String kind, @Nullable String config, @Nullable String greyRange) {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();
  private static final String KIND = "kind";
  private static final String CONFIG = "config";
  private static final String GREY_RANGE = "greyRange";

  /**
   * The metadata of a network.
   *
   * @param config a record of its shape
   */
  public static ModelMetadata of(String kind, Record config) {
    try {
      return new ModelMetadata(kind, MAPPER.writeValueAsString(config), null);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("a config that is not JSON: " + config, e);
    }
  }

  /** The metadata of a file. */
  public static ModelMetadata of(Map<String, String> metadata) {
    return new ModelMetadata(metadata.get(KIND), metadata.get(CONFIG), metadata.get(GREY_RANGE));
  }

  /** As {@link Safetensors#write} takes it. */
  public Map<String, String> toMap() {
    return greyRange == null
        ? Map.of(KIND, kind, CONFIG, config)
        : Map.of(KIND, kind, CONFIG, config, GREY_RANGE, greyRange);
  }

  /** The same of a network that was trained with a range of grey values. */
  public ModelMetadata withGreyRange(@Nullable String range) {
    return new ModelMetadata(kind, config, range);
  }

  /**
   * The network's config.
   *
   * @param wanted the kind that the network must have
   * @param name of that kind for people, such as {@code a tokenizer}
   * @throws InvalidCheckpointException if the network has another kind, or no config of this type
   */
  public <T extends Record> T config(String wanted, String name, Class<T> type)
      throws InvalidCheckpointException {
    if (!wanted.equals(kind)) {
      throw InvalidCheckpointException.kind(kind, "%s (%s)".formatted(name, wanted));
    }
    if (config == null) {
      throw new InvalidCheckpointException("found a model without a config; wanted " + name);
    }
    try {
      T read = MAPPER.readValue(config, type);
      if (read != null) {
        return read;
      }
    } catch (JsonProcessingException e) {
      // What a constructor says is clearer than what Jackson says of it.
      String why =
          e.getCause() instanceof IllegalArgumentException cause
              ? cause.getMessage()
              : e.getOriginalMessage();
      throw new InvalidCheckpointException(
          "found a config that does not fit (%s); wanted that of %s".formatted(shown(why), name));
    }
    throw new InvalidCheckpointException("found a config that is null; wanted that of " + name);
  }
}
