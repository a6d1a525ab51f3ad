package dev.beit2.pipelines.cli;

import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Progress of a pipeline whose elements are done in any order by any worker, told where the workers
 * run in the JVM that submitted it. On a cluster nothing is told here: Beam's counters are for
 * that.
 */
public final class LocalProgress implements AutoCloseable {
  private static final Map<String, LocalProgress> STAGES = new ConcurrentHashMap<>();

  private final String stage;
  private final Progress progress;
  private final AtomicLong done = new AtomicLong();
  private final AtomicLong views = new AtomicLong();

  private LocalProgress(String stage, long total) {
    this.stage = stage;
    this.progress = Progress.onStderr(stage, total);
  }

  /**
   * Begins to tell of a stage.
   *
   * @param total elements, or 0 where they are not known
   */
  public static LocalProgress begin(String stage, long total) {
    LocalProgress begun = new LocalProgress(stage, total);
    STAGES.put(stage, begun);
    return begun;
  }

  /**
   * Counts one element of a stage.
   *
   * @param views pictures that a network saw for it
   */
  public static void count(String stage, int views) {
    LocalProgress here = STAGES.get(stage);
    if (here != null) {
      here.progress.update(
          here.done.incrementAndGet(), OptionalDouble.empty(), here.views.addAndGet(views));
    }
  }

  @Override
  public void close() {
    STAGES.remove(stage, this);
    progress.done();
  }
}
