package dev.beit2.io.image.source;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Reads many files at once, because most of the time is spent waiting for disks and networks. */
final class Parallel {
  private static final int THREADS = 16;

  private Parallel() {}

  /** The task that runs for each element. */
  interface Step<A, B> {
    B apply(A item) throws IOException;
  }

  /** Returns the results in order, or throws the first failure. */
  static <A, B> List<B> map(List<A> items, Step<A, B> step) {
    ExecutorService threads = Executors.newFixedThreadPool(Math.min(THREADS, items.size()));
    try {
      List<Future<B>> futures = new ArrayList<>();
      for (A item : items) {
        futures.add(threads.submit(() -> step.apply(item)));
      }
      List<B> results = new ArrayList<>();
      for (Future<B> future : futures) {
        results.add(future.get());
      }
      return results;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof InvalidInputException invalid) {
        throw invalid;
      }
      throw new IllegalStateException(e.getCause());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    } finally {
      threads.shutdownNow();
    }
  }
}
