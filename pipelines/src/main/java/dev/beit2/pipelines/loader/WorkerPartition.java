package dev.beit2.pipelines.loader;

/**
 * What one of several workers sees of each epoch: of E examples, worker k of N takes those whose
 * index in the epoch's order is in [k·E/N, (k+1)·E/N). It is a run of neighbours, so that workers
 * read windows of shards of their own.
 *
 * @param examples of an epoch, for all workers together
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
   * The position in the run of what the worker sees next: epoch · examples + index.
   *
   * @param own how many examples the worker has seen before, epoch after epoch
   */
  public long position(long own) {
    long start = start(worker);
    long length = start(worker + 1) - start;
    return own / length * examples + start + own % length;
  }

  private long start(int worker) {
    return Math.multiplyExact(examples, (long) worker) / workers;
  }
}
