package dev.beit2.pipelines.loader;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * Keeps an expensive object for each of the epochs in use. Two are in use at the same time if a
 * batch spans the end of an epoch. Thread-safe.
 *
 * @param <T> the object's type
 */
public final class EpochCache<T> {
  private static final int KEPT = 2;

  private final LongFunction<T> make;
  private final Map<Long, T> kept = new LinkedHashMap<>();

  public EpochCache(LongFunction<T> make) {
    this.make = make;
  }

  public synchronized T get(long epoch) {
    T found = kept.get(epoch);
    if (found == null) {
      found = make.apply(epoch);
      kept.put(epoch, found);
      if (kept.size() > KEPT) {
        kept.remove(kept.keySet().iterator().next());
      }
    }
    return found;
  }
}
