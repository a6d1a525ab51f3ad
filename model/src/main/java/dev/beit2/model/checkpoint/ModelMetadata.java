package dev.beit2.model.checkpoint;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * The metadata of a {@code model.safetensors}: which network its tensors belong to.
 *
 * @param kind of the network, such as {@code vqkd}; null if the file has none
 * @param config the network's config as JSON; null if the file has none
 */
public record ModelMetadata(@Nullable String kind, @Nullable String config) {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private static final String KIND = "kind";
  private static final String CONFIG = "config";

  /**
   * The metadata of a network.
   *
   * @param config a record of its shape
   */
  public static ModelMetadata of(String kind, Record config) {
    try {
      return new ModelMetadata(kind, MAPPER.writeValueAsString(config));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("a config that is not JSON: " + config, e);
    }
  }

  /** The metadata of a file. */
  public static ModelMetadata of(Map<String, String> metadata) {
    return new ModelMetadata(metadata.get(KIND), metadata.get(CONFIG));
  }

  /** As {@link Safetensors#write} takes it. */
  public Map<String, String> toMap() {
    return Map.of(KIND, kind, CONFIG, config);
  }

  /**
   * The network's config.
   *
   * @param wanted the kind that the network must have
   * @param name of that kind for people, such as {@code a tokenizer}
   * @throws IOException if the network has another kind, or no config of this type
   */
  public <T extends Record> T config(String wanted, String name, Class<T> type) throws IOException {
    if (!wanted.equals(kind)) {
      throw new IOException(
          "found a model of kind %s; wanted %s (%s)".formatted(kind, name, wanted));
    }
    if (config == null) {
      throw new IOException("found a model without a config; wanted " + name);
    }
    return MAPPER.readValue(config, type);
  }
}
