package dev.beit2.pipelines.loader;

import java.io.IOException;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * Fills batches in background threads, ahead of the steps that need them, and returns them in
 * order. One thread reads, several decode and augment. There are as many batches as filling
 * threads, and one more; a batch is filled again after it was recycled.
 *
 * @param <RawT> what is read for a batch
 * @param <BatchT> a batch
 */
public final class PrefetchQueue<RawT, BatchT> implements AutoCloseable {
  /** Reads and fills the batch of a step. */
  public interface Filler<RawT, BatchT> {
    /** Reads what a batch is made of. Called for one step after the other, by a single thread. */
    RawT read(long step) throws IOException;

    /** Fills a batch with what was read. Several threads call this at the same time. */
    void fill(long step, RawT raw, BatchT batch) throws IOException;
  }

  private final Filler<RawT, BatchT> filler;
  private final long end;
  // Empty: the queue is closed.
  private final BlockingQueue<Optional<BatchT>> free = new LinkedBlockingQueue<>();
  private final BlockingQueue<Future<BatchT>> filled = new LinkedBlockingQueue<>();
  private final ExecutorService reader;
  private final ExecutorService fillers;

  private long nextStep;
  private long waitedNanos;

  /**
   * @param batches allocates a batch
   * @param from the first step
   * @param end the step after the last
   * @param threads that fill batches
   */
  public PrefetchQueue(
      Supplier<BatchT> batches, Filler<RawT, BatchT> filler, long from, long end, int threads) {
    this.filler = filler;
    this.nextStep = from;
    this.end = end;
    for (int i = 0; i < threads + 1; i++) {
      free.add(Optional.of(batches.get()));
    }
    this.fillers = Executors.newFixedThreadPool(threads, daemons("prefetch-fill-"));
    this.reader = Executors.newSingleThreadExecutor(daemons("prefetch-read-"));
    reader.execute(() -> read(from));
  }

  private static ThreadFactory daemons(String name) {
    AtomicInteger number = new AtomicInteger();
    return task -> {
      Thread thread = new Thread(task, name + number.getAndIncrement());
      thread.setDaemon(true);
      return thread;
    };
  }

  /** Reads one step after the other, as long as there are free batches. */
  private void read(long from) {
    try {
      for (long step = from; step < end; step++) {
        Optional<BatchT> batch = free.take();
        if (batch.isEmpty()) {
          return;
        }
        filled.add(fill(step, filler.read(step), batch.get()));
      }
    } catch (InterruptedException e) {
      // Only a JVM that shuts down interrupts this thread.
    } catch (Throwable e) {
      filled.add(CompletableFuture.failedFuture(e));
    }
  }

  private Future<BatchT> fill(long step, RawT raw, BatchT batch) {
    return fillers.submit(
        () -> {
          filler.fill(step, raw, batch);
          return batch;
        });
  }

  /**
   * The batch of the next step. Waits until it is filled.
   *
   * @throws IOException if it could not be read or filled
   */
  public BatchT next() throws IOException, InterruptedException {
    if (nextStep >= end) {
      throw new IllegalStateException("all batches were taken");
    }
    nextStep++;
    long asked = System.nanoTime();
    try {
      return filled.take().get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof IOException) {
        throw new IOException(e.getCause().getMessage(), e.getCause());
      }
      throw new IllegalStateException(e.getCause());
    } finally {
      waitedNanos += System.nanoTime() - asked;
    }
  }

  /** Total time that {@link #next} has waited for batches. */
  public long waitedNanos() {
    return waitedNanos;
  }

  /** Returns a batch to be filled again. */
  public void recycle(BatchT batch) {
    free.add(Optional.of(batch));
  }

  /**
   * Stops reading, and waits for the batches that are being filled. If the wait is interrupted, the
   * threads end by themselves after their current batch.
   */
  @Override
  public void close() throws InterruptedException {
    free.clear();
    free.add(Optional.empty());
    // Not interrupted: that would close the files which the threads read from.
    reader.shutdown();
    try {
      reader.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
    } finally {
      fillers.shutdown();
    }
    fillers.awaitTermination(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
  }
}
