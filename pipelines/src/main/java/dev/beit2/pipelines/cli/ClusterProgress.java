package dev.beit2.pipelines.cli;

import dev.beit2.pipelines.flink.FlinkJobs;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.OptionalDouble;

/** Shows a counter of a job while a Flink cluster runs it, until it is closed. */
final class ClusterProgress implements Closeable {
  private static final Duration PAUSE = Duration.ofSeconds(2);

  private final Thread asking;

  /**
   * Begins to ask the cluster.
   *
   * @param master {@code HOST:PORT}
   * @param progress shows the counter as the number of processed images
   */
  ClusterProgress(
      String master, String jobName, Class<?> namespace, String counter, Progress progress) {
    FlinkJobs cluster = FlinkJobs.at(master);
    asking =
        new Thread(
            () -> {
              long last = 0;
              while (sleep()) {
                try {
                  long processed = cluster.counter(jobName, namespace, counter);
                  if (processed > last) {
                    progress.update(processed, OptionalDouble.empty(), processed);
                    last = processed;
                  }
                } catch (IOException e) {
                  // Whoever waits for the job learns of a cluster that does not answer.
                } catch (InterruptedException e) {
                  return;
                }
              }
            },
            "cluster-progress");
    asking.setDaemon(true);
    asking.start();
  }

  /** Whether to go on. */
  private static boolean sleep() {
    try {
      Thread.sleep(PAUSE.toMillis());
      return true;
    } catch (InterruptedException e) {
      return false;
    }
  }

  @Override
  public void close() {
    asking.interrupt();
    try {
      asking.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
