package dev.beit2.io;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * Reads many files at once, because most of the time is spent waiting for disks and networks. All
 * readers of a JVM share the threads, which live as long as it does.
 */
public final class Parallel {
  private static final int THREADS = 64;

  private static final ThreadPoolExecutor READERS =
      new ThreadPoolExecutor(
          THREADS,
          THREADS,
          0,
          TimeUnit.SECONDS,
          new LinkedBlockingQueue<>(),
          task -> {
            Thread thread = new Thread(task, "reader");
            thread.setDaemon(true);
            return thread;
          });

  private Parallel() {}

  /**
   * The task that runs for each element. Tasks that wait for others must be far fewer than there
   * are threads.
   */
  public interface Step<A, B> {
    B apply(A item) throws IOException;
  }

  /** Starts a task. */
  static <A, B> Future<B> start(A item, Step<A, B> step) {
    return READERS.submit(() -> step.apply(item));
  }

  /** Returns the results in order, or throws the first failure. */
  public static <A, B> List<B> map(List<A> items, Step<A, B> step) throws IOException {
    List<Future<B>> futures = new ArrayList<>(items.size());
    try {
      for (A item : items) {
        futures.add(start(item, step));
      }
      List<B> results = new ArrayList<>(items.size());
      for (Future<B> future : futures) {
        results.add(get(future));
      }
      return results;
    } finally {
      futures.forEach(future -> future.cancel(/* mayInterruptIfRunning= */ false));
    }
  }

  /** The result of a task, or what it threw. */
  static <B> B get(Future<B> future) throws IOException {
    try {
      return future.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException unchecked) {
        throw unchecked;
      }
      if (e.getCause() instanceof IOException failed) {
        throw failed;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CancellationException("interrupted while files were read");
    }
  }
}
