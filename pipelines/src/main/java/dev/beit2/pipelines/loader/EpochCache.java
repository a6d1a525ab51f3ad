package dev.beit2.pipelines.loader;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.LongFunction;

/**
 * What belongs to an epoch and is costly to make, for the epochs in use: a batch may end one and
 * begin the next, and batches are filled ahead. Thread-safe.
 *
 * @param <T> what it is
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
