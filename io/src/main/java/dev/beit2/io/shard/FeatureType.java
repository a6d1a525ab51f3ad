package dev.beit2.io.shard;

/** The numbers of stored features. */
public enum FeatureType {
  /** Exactly what the backbone has computed. */
  FLOAT32,
  /** Half the size: 11 significant bits, at most 65,504. */
  FLOAT16
}
