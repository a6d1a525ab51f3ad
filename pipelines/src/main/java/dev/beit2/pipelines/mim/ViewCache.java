package dev.beit2.pipelines.mim;

import dev.beit2.io.image.RgbImage;
import dev.beit2.io.shard.ShardManifest;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.annotation.Nullable;

/**
 * Keeps the pixels of all views of a small data set: its few views are seen again and again, and
 * rendering them each time would take processor time from the network. Nothing is kept of a data
 * set whose views do not fit. Thread-safe.
 */
final class ViewCache {
  private static final long LARGEST_SET = 128L << 20;

  private record Name(String key, int view) {}

  private final Map<Name, RgbImage> views = new ConcurrentHashMap<>();
  private final boolean keeps;

  ViewCache(ShardManifest shards) {
    long bytesOfView = 3L * shards.inputSize() * shards.inputSize();
    this.keeps = shards.rows() * shards.views() * bytesOfView <= LARGEST_SET;
  }

  @Nullable
  RgbImage get(String key, int view) {
    return keeps ? views.get(new Name(key, view)) : null;
  }

  void put(String key, int view, RgbImage pixels) {
    if (keeps) {
      views.put(new Name(key, view), pixels);
    }
  }
}
