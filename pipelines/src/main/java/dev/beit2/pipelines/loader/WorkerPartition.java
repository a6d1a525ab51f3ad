package dev.beit2.pipelines.loader;

/**
 * The examples that one of several workers sees in each epoch: of E examples, worker k of N takes
 * those whose index in the epoch's order is in [k·E/N, (k+1)·E/N). They are neighbours, so that
 * each worker reads its own row groups.
 *
 * @param examples of an epoch, of all workers together
 * @param workers at most as many as there are examples
 * @param worker from 0
 */
public record WorkerPartition(long examples, int workers, int worker) {
  public WorkerPartition {
    if (workers < 1 || workers > examples) {
      throw new IllegalArgumentException(
          workers + " workers for " + examples + " examples, of which each needs one");
    }
    if (worker < 0 || worker >= workers) {
      throw new IllegalArgumentException("worker " + worker + " of " + workers);
    }
  }

  /**
   * The position in the run of the example that the worker sees next: epoch · examples + index.
   *
   * @param seen number of examples that the worker has seen before, in all epochs
   */
  public long position(long seen) {
    long start = start(worker);
    long length = start(worker + 1) - start;
    return seen / length * examples + start + seen % length;
  }

  private long start(int worker) {
    return Math.multiplyExact(examples, (long) worker) / workers;
  }
}
