package dev.beit2.pipelines.cli;

import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.SharedInJvm;
import java.io.IOException;
import java.io.Serializable;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Progress of a pipeline whose tasks finish elements in any order. It is shown where the tasks run in
 * the JVM that has submitted the pipeline; on a cluster Beam's counters take its place. A {@code
 * DoFn} opens it in its setup, so that all tasks of the JVM count together:
 *
 * <pre>{@code
 * counter = progress.open();   // in @Setup; closed in @Teardown
 * counter.get().count(views);  // in @ProcessElement
 * }</pre>
 *
 * @param stage name of the pipeline in progress lines
 * @param total elements; 0 if unknown
 * @param shown whether lines are printed
 */
public record ElementProgress(String stage, long total, boolean shown) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The progress of a pipeline with these options. */
  public static ElementProgress of(String stage, long total, PipelineOptions options) {
    return new ElementProgress(stage, total, !FlinkTarget.of(options).isRemote());
  }

  /** The count of all tasks of this JVM; the last one to close it prints the last line. */
  public SharedInJvm<Counter> open() throws IOException {
    return SharedInJvm.acquire(Counter.class, this, () -> new Counter(this));
  }

  /** Counts elements; safe for use by many threads. */
  public static final class Counter implements AutoCloseable {
    private final boolean shown;
    private final Progress progress;
    private final AtomicLong elements = new AtomicLong();
    private final AtomicLong images = new AtomicLong();

    private Counter(ElementProgress of) {
      this.shown = of.shown();
      this.progress = Progress.onStderr(of.stage(), of.total());
    }

    /**
     * Counts one element.
     *
     * @param seen images that a network has seen for it
     */
    public void count(int seen) {
      if (shown) {
        progress.update(
            elements.incrementAndGet(), OptionalDouble.empty(), images.addAndGet(seen));
      }
    }

    @Override
    public void close() {
      if (shown) {
        progress.done();
      }
    }
  }
}
