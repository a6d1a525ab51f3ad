package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class ReadAheadTest {
  private static final List<Integer> ITEMS = IntStream.range(0, 200).boxed().toList();

  @Test
  void resultsComeInOrderWhateverFinishesFirst() throws IOException {
    ReadAhead<Integer, Integer> read =
        new ReadAhead<>(
            ITEMS.iterator(),
            8,
            item -> 1,
            100,
            item -> {
              sleep(item % 3);
              return item * 2;
            });
    List<Integer> found = new ArrayList<>();
    while (read.hasNext()) {
      found.add(read.next());
    }
    assertEquals(ITEMS.stream().map(item -> item * 2).toList(), found);
  }

  /** Each waits until the others of its four have begun. */
  @Test
  void severalAreReadAtOnce() throws IOException {
    CountDownLatch begun = new CountDownLatch(4);
    ReadAhead<Integer, Boolean> read =
        new ReadAhead<>(
            ITEMS.iterator(),
            4,
            item -> 1,
            100,
            item -> {
              begun.countDown();
              return await(begun);
            });
    assertTrue(read.next());
  }

  @Test
  void numberAndBytesAreBounded() throws IOException {
    assertEquals(5, mostUntaken(5, 1, 1000));
    assertEquals(3, mostUntaken(64, 10, 30));
    assertEquals(1, mostUntaken(64, 100, 30));
  }

  /** The most items that were started and not yet taken. */
  private static int mostUntaken(int most, long bytes, long mostBytes) throws IOException {
    AtomicInteger begun = new AtomicInteger();
    Stream<Integer> items = ITEMS.stream();
    ReadAhead<Integer, Integer> read =
        new ReadAhead<>(
            items.iterator(),
            most,
            item -> bytes,
            mostBytes,
            item -> {
              begun.incrementAndGet();
              return item;
            });
    int untaken = 0;
    for (int taken = 0; read.hasNext(); taken++) {
      untaken = Math.max(untaken, begun.get() - taken);
      read.next();
      sleep(1);
    }
    assertEquals(ITEMS.size(), begun.get());
    return untaken;
  }

  @Test
  void aFailureBelongsToItsItem() throws IOException {
    ReadAhead<Integer, Integer> read =
        new ReadAhead<>(
            List.of(1, 2, 3).iterator(),
            3,
            item -> 1,
            100,
            item -> {
              if (item == 2) {
                throw new IOException("item 2");
              }
              return item;
            });
    assertEquals(1, read.next());
    assertEquals("item 2", assertThrows(IOException.class, read::next).getMessage());
    assertEquals(3, read.next());
    assertFalse(read.hasNext());
  }

  private static void sleep(int millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static boolean await(CountDownLatch latch) {
    try {
      return latch.await(50, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
