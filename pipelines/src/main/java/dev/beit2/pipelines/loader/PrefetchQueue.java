package dev.beit2.pipelines.loader;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import javax.annotation.Nullable;

/**
 * Fills batches ahead of the step that needs them, in background threads, and hands them out in
 * order. There are never more batches than threads and one more, and each is filled again once it
 * was given back.
 *
 * @param <RawT> what is read for a batch
 * @param <BatchT> a batch
 */
public final class PrefetchQueue<RawT, BatchT> implements AutoCloseable {

  /** What belongs to a step. */
  public interface Filler<RawT, BatchT> {
    /** Reads it; called for one step after the other, never by two threads at once. */
    RawT read(long step) throws IOException;

    /** Fills a batch with what was read; called by several threads at once. */
    void fill(long step, RawT raw, BatchT batch) throws IOException;
  }

  private final Filler<RawT, BatchT> filler;
  private final Object reading = new Object();
  private final long end;
  private final Deque<BatchT> free = new ArrayDeque<>();
  private final Map<Long, BatchT> ready = new HashMap<>();
  private final List<Thread> threads = new ArrayList<>();
  // Changed by who is reading.
  private volatile long nextToRead;
  private long nextToGive;
  private long waitedNanos;
  private Throwable failure;
  private boolean closed;

  /**
   * @param from the first step
   * @param end the step after the last
   */
  public PrefetchQueue(
      Supplier<BatchT> batches, Filler<RawT, BatchT> filler, long from, long end, int threads) {
    this.filler = filler;
    this.end = end;
    this.nextToRead = from;
    this.nextToGive = from;
    for (int i = 0; i < threads + 1; i++) {
      free.add(batches.get());
    }
    for (int i = 0; i < threads; i++) {
      Thread thread = new Thread(this::work, "prefetch-" + i);
      thread.setDaemon(true);
      this.threads.add(thread);
      thread.start();
    }
  }

  /** The next step's batch, once it is filled; what its filling failed with otherwise. */
  public synchronized BatchT next() throws IOException, InterruptedException {
    if (nextToGive >= end) {
      throw new IllegalStateException("all batches were given");
    }
    long asked = System.nanoTime();
    while (!ready.containsKey(nextToGive)) {
      if (failure instanceof IOException e) {
        throw new IOException(e.getMessage(), e);
      }
      if (failure != null) {
        throw new IllegalStateException(failure);
      }
      wait();
    }
    waitedNanos += System.nanoTime() - asked;
    return ready.remove(nextToGive++);
  }

  /** For how long {@link #next} has waited for batches to be filled, in all. */
  public synchronized long waitedNanos() {
    return waitedNanos;
  }

  /** Gives a batch back to be filled again. */
  public synchronized void recycle(BatchT batch) {
    free.add(batch);
    notifyAll();
  }

  private void work() {
    try {
      while (true) {
        BatchT batch;
        long step;
        RawT raw;
        // Who waits for a batch keeps the others from reading on: steps are read in order.
        synchronized (reading) {
          batch = freeBatch();
          if (batch == null) {
            return;
          }
          step = nextToRead++;
          raw = filler.read(step);
        }
        filler.fill(step, raw, batch);
        synchronized (this) {
          ready.put(step, batch);
          notifyAll();
        }
      }
    } catch (InterruptedException e) {
      // Nobody interrupts these threads but a JVM that ends.
    } catch (Throwable e) {
      synchronized (this) {
        failure = e;
        notifyAll();
      }
    }
  }

  /** A batch to fill, or null if no more are to be filled. */
  @Nullable
  private synchronized BatchT freeBatch() throws InterruptedException {
    while (!closed && failure == null && free.isEmpty() && nextToRead < end) {
      wait();
    }
    return closed || failure != null || nextToRead >= end ? null : free.remove();
  }

  @Override
  public void close() throws InterruptedException {
    synchronized (this) {
      closed = true;
      notifyAll();
    }
    for (Thread thread : threads) {
      thread.join();
    }
  }
}
