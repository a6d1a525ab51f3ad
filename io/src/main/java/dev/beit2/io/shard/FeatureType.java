package dev.beit2.io.shard;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The numbers of stored features. */
public enum FeatureType {
  /** Exactly what the backbone has computed. */
  @JsonProperty("float32")
  FLOAT32,
  /** Half the size: 11 significant bits, at most 65,504. */
  @JsonProperty("float16")
  FLOAT16
}
