package dev.beit2.model.torch;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/**
 * A model that all DoFn instances of a JVM share: opened by the first that asks for its key, closed
 * when the last gives it back.
 *
 * @param <M> the model
 */
public final class SharedModel<M extends AutoCloseable> implements AutoCloseable {

  /** Loads the model. */
  public interface Opener<M> {
    M open() throws IOException;
  }

  private static final class Entry {
    private final AutoCloseable model;
    private int users;

    Entry(AutoCloseable model) {
      this.model = model;
    }
  }

  private static final Map<Object, Entry> OPEN = new HashMap<>();

  private final Object key;
  private final M model;
  private boolean givenBack;

  private SharedModel(Object key, M model) {
    this.key = key;
    this.model = model;
  }

  /**
   * Asks for a model.
   *
   * @param key tells models apart, with {@code equals}
   */
  @SuppressWarnings("unchecked") // A key holds the model's class.
  public static <M extends AutoCloseable> SharedModel<M> acquire(
      Class<M> type, Object key, Opener<M> opener) throws IOException {
    Object typedKey = Map.entry(type, requireNonNull(key, "key is null"));
    // Loading under the lock: whoever asks meanwhile wants the same model and has to wait for it
    // anyway.
    synchronized (OPEN) {
      Entry entry = OPEN.get(typedKey);
      if (entry == null) {
        entry = new Entry(opener.open());
        OPEN.put(typedKey, entry);
      }
      entry.users++;
      return new SharedModel<>(typedKey, (M) entry.model);
    }
  }

  public M get() {
    return model;
  }

  /** Gives the model back; a second time does nothing. */
  @Override
  public void close() throws Exception {
    synchronized (OPEN) {
      if (givenBack) {
        return;
      }
      givenBack = true;
      Entry entry = OPEN.get(key);
      if (--entry.users == 0) {
        OPEN.remove(key);
        entry.model.close();
      }
    }
  }
}
