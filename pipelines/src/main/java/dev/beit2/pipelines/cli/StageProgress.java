package dev.beit2.pipelines.cli;

import static java.util.Objects.requireNonNull;

import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.flink.Submission;
import dev.beit2.pipelines.jvm.SharedInJvm;
import java.io.Closeable;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.OptionalDouble;
import javax.annotation.Nullable;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.MetricNameFilter;
import org.apache.beam.sdk.metrics.MetricResult;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.metrics.MetricsFilter;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Progress of a pipeline whose elements are processed by any worker in any order. Workers in the
 * launcher's JVM report it on stderr together; workers of a cluster only count, and the launcher
 * asks Flink for the sum. It also prints the last line.
 *
 * <p>A DoFn has one as a field. It calls {@link #open} in its {@code @Setup} method, {@link #count}
 * for each element and {@link #close} in its {@code @Teardown} method.
 */
public final class StageProgress implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String COUNTER = "processed";

  private final Key key;
  private final boolean embedded;
  private final Counter processed = Metrics.counter(StageProgress.class, COUNTER);

  @Nullable private transient SharedInJvm<Report> report;

  /**
   * What identifies a report.
   *
   * @param launched when the launcher began to submit the pipeline, in milliseconds since 1970
   */
  private record Key(String stage, long total, long launched) implements Serializable {
    private static final long serialVersionUID = 1L;
  }

  /** Counts what all DoFn instances of a JVM process. */
  private static final class Report {
    private final Key key;
    private final Progress progress;
    private long done;
    private long images;

    Report(Key key) {
      this.key = key;
      this.progress = Progress.onStderr(key.stage(), key.total());
    }

    synchronized void add(int seen) {
      if (done == 0) {
        Duration start = Duration.ofMillis(System.currentTimeMillis() - key.launched());
        progress.line("[%s] started in %s".formatted(key.stage(), Progress.span(start)));
      }
      images += seen;
      done++;
      progress.update(done, OptionalDouble.empty(), images);
    }
  }

  private StageProgress(Key key, boolean embedded) {
    this.key = key;
    this.embedded = embedded;
  }

  /**
   * Progress of a stage of a pipeline with these options.
   *
   * @param stage its name, such as {@code tokenize}
   * @param total number of elements, or 0 if it is not known
   */
  public static StageProgress of(String stage, long total, PipelineOptions options) {
    return new StageProgress(
        new Key(requireNonNull(stage, "stage is null"), total, System.currentTimeMillis()),
        !FlinkTarget.of(options).isRemote() && !TemplateLaunch.isIn(options));
  }

  /** Joins the report of this JVM. */
  public void open() throws IOException {
    if (embedded && report == null) {
      report = SharedInJvm.acquire(Report.class, key, () -> new Report(key));
    }
  }

  /**
   * Counts one processed element.
   *
   * @param images that a network saw for it
   */
  public void count(int images) {
    processed.inc();
    if (report != null) {
      report.get().add(images);
    }
  }

  /** Leaves the report of this JVM; a second call does nothing. */
  public void close() throws IOException {
    if (report != null) {
      report.close();
      report = null;
    }
  }

  /**
   * Runs a pipeline to its end in the launcher, and prints the stage's last line.
   *
   * @throws SubmittedException if nobody waits for the end, as when a template is launched: then
   *     the command ends here, and what it has opened is closed
   */
  public PipelineResult run(Pipeline pipeline) {
    if (TemplateLaunch.isIn(pipeline.getOptions())) {
      TemplateLaunch.make(pipeline, key.stage());
      throw new SubmittedException();
    }
    Progress progress = Progress.onStderr(key.stage(), key.total());
    PipelineResult result;
    long done;
    try (Closeable shown = embedded ? () -> {} : onCluster(pipeline.getOptions(), progress)) {
      result = pipeline.run();
      if (Submission.current().filter(Submission::detached).isPresent()) {
        throw new SubmittedException();
      }
      // A job that was only submitted has no metrics.
      done = result.waitUntilFinish() == PipelineResult.State.DONE ? processed(result) : 0;
    } catch (RuntimeException e) {
      progress.endLine();
      throw e;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    progress.done(done);
    return result;
  }

  private static ClusterProgress onCluster(PipelineOptions options, Progress progress) {
    return new ClusterProgress(
        FlinkTarget.of(options).master(),
        options.getJobName(),
        StageProgress.class,
        COUNTER,
        progress);
  }

  private static long processed(PipelineResult result) {
    MetricsFilter filter =
        MetricsFilter.builder()
            .addNameFilter(MetricNameFilter.named(StageProgress.class, COUNTER))
            .build();
    long processed = 0;
    for (MetricResult<Long> step : result.metrics().queryMetrics(filter).getCounters()) {
      processed += step.getAttempted();
    }
    return processed;
  }
}
