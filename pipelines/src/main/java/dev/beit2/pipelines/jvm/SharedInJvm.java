package dev.beit2.pipelines.jvm;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/**
 * An object that all tasks of a JVM share, such as a loaded model. The first task that asks for it
 * opens it; it is closed when the last one has closed its handle.
 *
 * <pre>{@code
 * SharedInJvm<Tokenizer> shared = SharedInJvm.acquire(Tokenizer.class, path, () -> read(path));
 * shared.get().encode(…);
 * shared.close();
 * }</pre>
 *
 * @param <T> the object's type
 */
public final class SharedInJvm<T> implements AutoCloseable {
  /** Opens the object. */
  public interface Opener<T> {
    T open() throws IOException;
  }

  private static final class Entry {
    private final Object value;
    private int users;

    Entry(Object value) {
      this.value = value;
    }
  }

  private static final Map<Object, Entry> OPEN = new HashMap<>();

  private final Object key;
  private final T value;
  private boolean closed;

  private SharedInJvm(Object key, T value) {
    this.key = key;
    this.value = value;
  }

  /**
   * Returns a handle of the object with a type and a key.
   *
   * @param key distinguishes objects of one type, by {@code equals}
   * @param opener opens the object if nobody holds it; tasks that ask meanwhile wait
   * @throws IOException if the opener throws it
   */
  @SuppressWarnings("unchecked") // The type is part of the key.
  public static <T> SharedInJvm<T> acquire(Class<T> type, Object key, Opener<T> opener)
      throws IOException {
    Object typedKey = Map.entry(type, requireNonNull(key, "key is null"));
    synchronized (OPEN) {
      Entry entry = OPEN.get(typedKey);
      if (entry == null) {
        entry = new Entry(opener.open());
        OPEN.put(typedKey, entry);
      }
      entry.users++;
      return new SharedInJvm<>(typedKey, (T) entry.value);
    }
  }

  /** The object. */
  public T get() {
    return value;
  }

  /** Releases the object; closing a handle a second time does nothing. */
  @Override
  public void close() throws IOException {
    synchronized (OPEN) {
      if (closed) {
        return;
      }
      closed = true;
      Entry entry = OPEN.get(key);
      entry.users--;
      if (entry.users == 0) {
        OPEN.remove(key);
        closeValue(entry.value);
      }
    }
  }

  private static void closeValue(Object value) throws IOException {
    if (value instanceof AutoCloseable closeable) {
      try {
        closeable.close();
      } catch (IOException | RuntimeException e) {
        throw e;
      } catch (Exception e) {
        throw new IOException(e);
      }
    }
  }
}
