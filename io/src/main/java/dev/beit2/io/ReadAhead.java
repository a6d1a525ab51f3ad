package dev.beit2.io;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.Iterator;
import java.util.Queue;
import java.util.concurrent.Future;
import java.util.function.ToLongFunction;

/**
 * Reads items before they are needed, several at once, and returns them in order. How many are
 * under way or wait to be taken is bounded, in number and in bytes; one is, whatever its size.
 *
 * <pre>{@code
 * ReadAhead<StoredFile, byte[]> contents =
 *     new ReadAhead<>(files.iterator(), 32, StoredFile::length, 64 << 20, StoredFile::readBytes);
 * while (contents.hasNext()) {
 *   byte[] content = contents.next();
 * }
 * }</pre>
 *
 * <p>Not thread-safe.
 *
 * @param <A> an item
 * @param <B> what is read of it
 */
public final class ReadAhead<A, B> {
  private record Started<B>(long bytes, Future<B> result) {}

  private final Iterator<? extends A> items;
  private final int most;
  private final ToLongFunction<A> size;
  private final long mostBytes;
  private final Parallel.Step<A, B> read;
  private final Queue<Started<B>> started = new ArrayDeque<>();
  private A waiting; // for room; null if none is
  private long bytes;

  /**
   * Starts nothing before the first item is asked for.
   *
   * @param items may be endless
   * @param most items at once
   * @param size of an item in bytes, as far as it is known
   * @param mostBytes of all items at once
   * @param read called by several threads
   */
  public ReadAhead(
      Iterator<? extends A> items,
      int most,
      ToLongFunction<A> size,
      long mostBytes,
      Parallel.Step<A, B> read) {
    this.items = items;
    this.most = most;
    this.size = size;
    this.mostBytes = mostBytes;
    this.read = read;
  }

  /** Whether there is another item. */
  public boolean hasNext() {
    return !started.isEmpty() || waiting != null || items.hasNext();
  }

  /**
   * Waits for the next item, and starts others.
   *
   * @throws IOException if the item could not be read; the items after it can still be taken
   */
  public B next() throws IOException {
    start();
    Started<B> first = started.remove();
    try {
      return Parallel.get(first.result());
    } finally {
      bytes -= first.bytes();
      start();
    }
  }

  private void start() {
    while (started.size() < most && (waiting != null || items.hasNext())) {
      A item = waiting != null ? waiting : items.next();
      long itemBytes = size.applyAsLong(item);
      waiting = item;
      if (!started.isEmpty() && bytes + itemBytes > mostBytes) {
        return;
      }
      waiting = null;
      bytes += itemBytes;
      started.add(new Started<>(itemBytes, Parallel.start(item, read)));
    }
  }
}
