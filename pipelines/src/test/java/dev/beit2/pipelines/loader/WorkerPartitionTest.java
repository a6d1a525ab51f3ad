package dev.beit2.pipelines.loader;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class WorkerPartitionTest {
  private static final int EPOCHS = 3;

  /** The indices that a worker sees in each of the first epochs. */
  private static List<List<Long>> indices(WorkerPartition partition) {
    List<List<Long>> epochs = new ArrayList<>();
    for (long own = 0; partition.position(own) < EPOCHS * partition.examples(); own++) {
      long position = partition.position(own);
      int epoch = Math.toIntExact(position / partition.examples());
      while (epochs.size() <= epoch) {
        epochs.add(new ArrayList<>());
      }
      epochs.get(epoch).add(position % partition.examples());
    }
    return epochs;
  }

  @Test
  void theWorkersShareEachEpochEvenlyWithoutGapOrOverlap() {
    for (long examples = 1; examples <= 40; examples++) {
      for (int workers = 1; workers <= examples; workers++) {
        for (int epoch = 0; epoch < EPOCHS; epoch++) {
          List<Long> seen = new ArrayList<>();
          for (int worker = 0; worker < workers; worker++) {
            List<Long> own = indices(new WorkerPartition(examples, workers, worker)).get(epoch);
            long shared = examples / workers;
            assertTrue(own.size() == shared || own.size() == shared + 1, () -> own.toString());
            seen.addAll(own);
          }
          // In the order of the workers these are the epoch's indices in ascending order.
          assertEquals(LongStream.range(0, examples).boxed().toList(), seen);
        }
      }
    }
  }

  @Test
  void aWorkerThatIsAloneSeesTheRunsPositions() {
    WorkerPartition partition = new WorkerPartition(7, 1, 0);
    for (long own = 0; own < 30; own++) {
      assertEquals(own, partition.position(own));
    }
  }

  @Test
  void epochsFollowEachOther() {
    WorkerPartition partition = new WorkerPartition(7, 2, 1);
    assertEquals(
        List.of(3L, 4L, 5L, 6L, 10L, 11L, 12L, 13L, 17L),
        LongStream.range(0, 9).map(partition::position).boxed().toList());
  }

  @Test
  void positionsOfALargeRunDoNotOverflow() {
    long examples = 1L << 40;
    WorkerPartition last = new WorkerPartition(examples, 1000, 999);
    assertEquals(examples * 999 / 1000, last.position(0));
    assertTrue(last.position(1L << 50) > 1L << 50);
  }

  @Test
  void moreWorkersThanExamplesAreRefused() {
    assertEquals(2, new WorkerPartition(3, 3, 2).position(0));
    assertThrows(IllegalArgumentException.class, () -> new WorkerPartition(3, 4, 0));
    assertThrows(IllegalArgumentException.class, () -> new WorkerPartition(3, 0, 0));
    assertThrows(IllegalArgumentException.class, () -> new WorkerPartition(3, 2, 2));
    assertThrows(IllegalArgumentException.class, () -> new WorkerPartition(3, 2, -1));
  }
}
