package dev.beit2.pipelines.cli;

import dev.beit2.io.PlainText;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * A step of a launcher that may take long, such as listing the images in a bucket. After two
 * seconds a line on stderr says what is going on, and another one at its end how long it took.
 */
public final class LongStep {
  private static final Duration LONG = Duration.ofSeconds(2);

  private LongStep() {}

  /** The work. */
  public interface Work<T, E extends Exception> {
    T run() throws E;
  }

  /**
   * Runs the work in this thread.
   *
   * @param what it does, such as {@code listing gs://bucket/images}
   */
  public static <T, E extends Exception> T run(String what, Work<T, E> work) throws E {
    return run(what, work, LONG);
  }

  static <T, E extends Exception> T run(String what, Work<T, E> work, Duration most) throws E {
    String shown = PlainText.of(what);
    AtomicBoolean announcedOrEnded = new AtomicBoolean();
    long start = System.nanoTime();
    Executor later = CompletableFuture.delayedExecutor(most.toMillis(), TimeUnit.MILLISECONDS);
    later.execute(
        () -> {
          if (announcedOrEnded.compareAndSet(false, true)) {
            System.err.println(shown + " ...");
          }
        });
    try {
      return work.run();
    } finally {
      if (!announcedOrEnded.compareAndSet(false, true)) {
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        System.err.println(shown + " took " + Progress.span(took));
      }
    }
  }
}
