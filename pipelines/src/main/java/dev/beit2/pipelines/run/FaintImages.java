package dev.beit2.pipelines.run;

import dev.beit2.io.image.EncodedImage;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.MetricNameFilter;
import org.apache.beam.sdk.metrics.MetricResult;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.metrics.MetricsFilter;

/**
 * Tells at the end of a command how many of the images that it has seen are faint; see {@link
 * EncodedImage#isFaint}. Workers count them.
 */
public final class FaintImages {
  private static final String COUNTER = "faint_images";

  private FaintImages() {}

  /** The workers' counter. */
  public static Counter counter() {
    return Metrics.counter(FaintImages.class, COUNTER);
  }

  /** How many the workers of a pipeline have counted. */
  public static long in(PipelineResult result) {
    if (result.getState() != PipelineResult.State.DONE) {
      return 0; // a job that was only submitted has no metrics
    }
    MetricsFilter filter =
        MetricsFilter.builder()
            .addNameFilter(MetricNameFilter.named(FaintImages.class, COUNTER))
            .build();
    long faint = 0;
    for (MetricResult<Long> step : result.metrics().queryMetrics(filter).getCounters()) {
      faint += step.getAttempted();
    }
    return faint;
  }

  /** Prints a line if there are any. */
  public static void print(String stage, long faint) {
    if (faint > 0) {
      System.err.printf(
          "[%s] warning: %d of the images seen are grey ones of 16 bits that use less than 1/16 of the range of values,"
              + " so few shades are left; see --greyRange%n",
          stage, faint);
    }
  }
}
