package dev.beit2.pipelines.flink;

import static java.util.Objects.requireNonNull;

import java.util.Optional;
import org.apache.flink.api.java.ExecutionEnvironment;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.RestOptions;

/**
 * A submission by Flink's own tools, which have chosen the cluster before they call a command's
 * {@code main}: {@code flink run} in the client, or a jar that was uploaded to the REST API in the
 * JobManager.
 *
 * @param master {@code HOST:PORT} of the cluster's REST API
 * @param detached whether nobody waits for the job, so that {@code main} submits one and returns
 */
public record Submission(String master, boolean detached) {
  /** The master by which Beam's runner takes the cluster that Flink's tools have chosen. */
  public static final String CHOSEN = "[auto]";

  public Submission {
    requireNonNull(master, "master is null");
  }

  /** The submission in which this JVM runs a {@code main}; empty if Flink does not run it. */
  @SuppressWarnings("deprecation") // Beam's runner runs bounded pipelines by it
  public static Optional<Submission> current() {
    if (ExecutionEnvironment.areExplicitEnvironmentsAllowed()) {
      return Optional.empty();
    }
    Configuration chosen = ExecutionEnvironment.getExecutionEnvironment().getConfiguration();
    return Optional.of(
        new Submission(
            chosen.get(RestOptions.ADDRESS) + ":" + chosen.get(RestOptions.PORT),
            !chosen.get(DeploymentOptions.ATTACHED)));
  }
}
