package dev.beit2.pipelines.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

final class PrefetchQueueTest {
  private static final class Doubling implements PrefetchQueue.Filler<Long, long[]> {
    private final AtomicInteger readers = new AtomicInteger();
    private final List<Long> read = Collections.synchronizedList(new ArrayList<>());

    @Override
    public Long read(long step) throws IOException {
      assertEquals(1, readers.incrementAndGet());
      read.add(step);
      readers.decrementAndGet();
      if (step == 40) {
        throw new IOException("unreadable");
      }
      return 2 * step;
    }

    @Override
    public void fill(long step, Long raw, long[] batch) {
      if (step % 3 == 0) {
        LockSupport.parkNanos(200_000);
      }
      batch[0] = raw;
    }
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void batchesComeInOrderAndAFailureComesAtItsStep() throws Exception {
    Doubling filler = new Doubling();
    AtomicInteger made = new AtomicInteger();
    try (PrefetchQueue<Long, long[]> batches =
        new PrefetchQueue<>(
            () -> {
              made.incrementAndGet();
              return new long[1];
            },
            filler,
            10,
            100,
            3)) {
      for (long step = 10; step < 30; step++) {
        long[] batch = batches.next();
        assertEquals(2 * step, batch[0]);
        batches.recycle(batch);
      }
      for (long step = 30; step < 40; step++) {
        batches.recycle(batches.next());
      }
      assertThrows(IOException.class, batches::next);
    }
    assertEquals(4, made.get());
    assertEquals(filler.read.stream().sorted().toList(), filler.read);
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void closingEndsAReaderThatWaitsForAFreeBatch() throws Exception {
    Doubling filler = new Doubling();
    PrefetchQueue<Long, long[]> batches = new PrefetchQueue<>(() -> new long[1], filler, 0, 40, 2);
    assertEquals(0, batches.next()[0]);
    batches.close();
    assertFalse(filler.read.size() > 4);
  }

  /** The fraction of its time that a step waits, by how long filling and a step take. */
  private static double waitFraction(long fillNanos, long stepNanos) throws Exception {
    PrefetchQueue.Filler<Long, long[]> filler =
        new PrefetchQueue.Filler<>() {
          @Override
          public Long read(long step) {
            return step;
          }

          @Override
          public void fill(long step, Long raw, long[] batch) {
            LockSupport.parkNanos(fillNanos);
          }
        };
    try (PrefetchQueue<Long, long[]> batches =
        new PrefetchQueue<>(() -> new long[1], filler, 0, 40, 1)) {
      batches.recycle(batches.next());
      long before = batches.waitedNanos();
      assertTrue(before >= fillNanos / 2);
      long start = System.nanoTime();
      for (int step = 0; step < 10; step++) {
        long[] batch = batches.next();
        LockSupport.parkNanos(stepNanos);
        batches.recycle(batch);
      }
      return (double) (batches.waitedNanos() - before) / (System.nanoTime() - start);
    }
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void theTimeThatStepsWaitIsMeasured() throws Exception {
    double slow = waitFraction(15_000_000, 0);
    double fast = waitFraction(0, 15_000_000);
    assertTrue(slow > 0.8, () -> "waits " + slow);
    assertTrue(fast < 0.3, () -> "waits " + fast);
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void theThreadsEndThoughClosingIsInterrupted() throws Exception {
    CountDownLatch filling = new CountDownLatch(1);
    CountDownLatch goOn = new CountDownLatch(1);
    List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
    PrefetchQueue.Filler<Long, long[]> filler =
        new PrefetchQueue.Filler<>() {
          @Override
          public Long read(long step) throws IOException {
            threads.add(Thread.currentThread());
            if (step == 1) {
              await(goOn);
            }
            return step;
          }

          @Override
          public void fill(long step, Long raw, long[] batch) {
            threads.add(Thread.currentThread());
            filling.countDown();
          }
        };
    PrefetchQueue<Long, long[]> batches = new PrefetchQueue<>(() -> new long[1], filler, 0, 40, 1);
    filling.await();
    Thread.currentThread().interrupt();
    assertThrows(InterruptedException.class, batches::close);
    goOn.countDown();
    for (Thread thread : List.copyOf(threads)) {
      thread.join();
    }
  }

  private static void await(CountDownLatch latch) throws IOException {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
  }
}
