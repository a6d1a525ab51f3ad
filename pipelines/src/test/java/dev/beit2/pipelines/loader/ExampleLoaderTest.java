package dev.beit2.pipelines.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.DecodingLimits;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

final class ExampleLoaderTest {
  /** Pictures named 0, 1, … of which some are broken; epoch e is shifted by e. */
  @SuppressWarnings("ArrayRecordComponent") // Of a test, never compared.
  private record Numbers(int count, Set<Integer> broken, Set<Integer> missing, byte[] png)
      implements ExampleLoader.Source<Integer> {
    @Override
    public long size() {
      return count;
    }

    @Override
    public Integer read(long epoch, long index) {
      int number = (int) ((index + epoch) % count);
      return missing.contains(number) ? null : number;
    }

    @Override
    public String key(Integer example) {
      return "picture" + example;
    }

    @Override
    public byte[] image(Integer example) {
      return broken.contains(example) ? new byte[] {0} : png;
    }
  }

  private static ExampleLoader<Integer> feed(int count, Integer... broken) throws IOException {
    return feed(count, Set.of(broken), Set.of());
  }

  private static ExampleLoader<Integer> feed(int count, Set<Integer> broken, Set<Integer> missing)
      throws IOException {
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    ImageIO.write(new BufferedImage(2, 2, BufferedImage.TYPE_INT_RGB), "png", png);
    return new ExampleLoader<>(
        new Numbers(count, broken, missing, png.toByteArray()), DecodingLimits.DEFAULT);
  }

  private static int at(ExampleLoader<Integer> feed, long position) throws IOException {
    return feed.render(position, feed.read(position), (example, image) -> image.pixels()).example();
  }

  @Test
  void theNextDecodableExampleTakesTheUndecodablesPlaceWhoeverLooksFirst() throws IOException {
    List<Integer> forward = new ArrayList<>();
    ExampleLoader<Integer> feed = feed(4, 1, 2);
    for (int position = 0; position < 8; position++) {
      forward.add(at(feed, position));
    }
    assertEquals(List.of(0, 3, 3, 3, 3, 3, 3, 0), forward);
    List<Integer> backward = new ArrayList<>();
    ExampleLoader<Integer> other = feed(4, 1, 2);
    for (int position = 7; position >= 0; position--) {
      backward.add(at(other, position));
    }
    Collections.reverse(backward);
    assertEquals(forward, backward);
    assertEquals(
        List.of("picture1", "picture2"),
        feed.rejected().stream().map(image -> image.key()).toList());
    assertEquals(1, feed.epoch(4));
  }

  @Test
  void refusesASetWithoutAnyDecodableImage() throws IOException {
    ExampleLoader<Integer> feed = feed(2, 0, 1);
    assertThrows(InvalidInputException.class, () -> at(feed, 0));
  }

  @Test
  void theNextExampleThatIsThereTakesTheMissingOnesPlace() throws IOException {
    List<Integer> examples = new ArrayList<>();
    ExampleLoader<Integer> feed = feed(5, Set.of(0), Set.of(1, 3, 4));
    for (int position = 0; position < 10; position++) {
      examples.add(at(feed, position));
    }
    assertEquals(Collections.nCopies(10, 2), examples);
    ExampleLoader<Integer> sound = feed(5, Set.of(), Set.of(1, 2));
    assertEquals(0, at(sound, 0));
    assertEquals(3, sound.read(1));
    assertEquals(3, at(sound, 1));
    assertEquals(3, at(sound, 3));
    assertEquals(0, at(sound, 9)); // the next epoch's last
    assertEquals(List.of(), sound.rejected());
  }

  @Test
  void refusesASetOfWhichNothingIsThere() throws IOException {
    ExampleLoader<Integer> feed = feed(2, Set.of(), Set.of(0, 1));
    assertThrows(InvalidInputException.class, () -> feed.read(0));
    ExampleLoader<Integer> broken = feed(2, Set.of(0), Set.of(1));
    assertThrows(InvalidInputException.class, () -> at(broken, 0));
  }

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
  void batchesComeInOrderAndFailuresWithTheirStep() throws Exception {
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
      assertThrows(
          IOException.class,
          () -> {
            while (true) {
              batches.recycle(batches.next());
            }
          });
    }
    assertEquals(4, made.get());
    assertEquals(filler.read.stream().sorted().toList(), filler.read);
  }

  @Test
  @Timeout(value = 20, unit = TimeUnit.SECONDS)
  void closesWhileWaitingForABatch() throws Exception {
    Doubling filler = new Doubling();
    PrefetchQueue<Long, long[]> batches = new PrefetchQueue<>(() -> new long[1], filler, 0, 40, 2);
    assertEquals(0, batches.next()[0]);
    batches.close();
    assertFalse(filler.read.size() > 4);
  }

  /** The share of the time that a step waits, if filling a batch and a step take this long. */
  private static double waitShare(long fillNanos, long stepNanos) throws Exception {
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
  void tellsHowLongTheStepsWaited() throws Exception {
    double slow = waitShare(15_000_000, 0);
    double fast = waitShare(0, 15_000_000);
    assertTrue(slow > 0.8, () -> "waits " + slow);
    assertTrue(fast < 0.3, () -> "waits " + fast);
  }
}
