package dev.beit2.pipelines.flink;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.flink.runtime.rest.util.RestClientException;
import org.apache.flink.util.SerializedThrowable;
import org.apache.flink.util.concurrent.FutureUtils;

/** A Flink cluster and its jobs, as seen through its REST API. */
public final class FlinkJobs {
  private static final int DEFAULT_PORT = 8081;
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final Duration CANCELLING = Duration.ofMinutes(3);
  private static final String METRICS = "__metricscontainers"; // the accumulator of Beam's runner
  private static final Set<String> ENDED = Set.of("FINISHED", "FAILED", "CANCELED", "SUSPENDED");

  private final HttpClient client =
      HttpClient.newBuilder().connectTimeout(TIMEOUT).proxy(HttpClient.Builder.NO_PROXY).build();
  private final URI address;

  private FlinkJobs(URI address) {
    this.address = address;
  }

  /**
   * The size of a cluster.
   *
   * @param taskManagers registered TaskManagers
   * @param slots of all TaskManagers
   * @param freeSlots slots without a task
   */
  public record Overview(int taskManagers, int slots, int freeSlots) {}

  /**
   * A registered TaskManager.
   *
   * @param lastHeartbeat time of its last heartbeat, in milliseconds
   */
  public record TaskManager(String id, Instant lastHeartbeat) {}

  /**
   * A job that the cluster runs or remembers.
   *
   * @param id Flink's job id, 32 hexadecimal digits
   * @param state Flink's job state, such as {@code RUNNING}
   */
  public record Job(String id, String name, String state) {
    /** Whether the job has finished, failed or been cancelled. */
    public boolean ended() {
      return ENDED.contains(state);
    }
  }

  /**
   * The cluster at an address; does not connect.
   *
   * @param flinkMaster {@code HOST:PORT} or {@code HOST}, the value of {@code --flinkMaster}
   * @throws IllegalArgumentException if it is not an address
   */
  public static FlinkJobs at(String flinkMaster) {
    String master = requireNonNull(flinkMaster, "flinkMaster is null").trim();
    URI uri = URI.create(master.matches("https?://.*") ? master : "http://" + master);
    if (uri.getHost() == null) {
      throw new IllegalArgumentException("not HOST:PORT: " + flinkMaster);
    }
    int port = uri.getPort() < 0 ? DEFAULT_PORT : uri.getPort();
    return new FlinkJobs(URI.create("%s://%s:%d".formatted(uri.getScheme(), uri.getHost(), port)));
  }

  /**
   * Cancels the running jobs of a name and returns when they have ended.
   *
   * @param flinkMaster {@code HOST:PORT}
   * @throws IOException if the cluster does not answer, or a job does not end in 3 minutes
   */
  public static void cancelRunning(String flinkMaster, String jobName)
      throws IOException, InterruptedException {
    FlinkJobs cluster = at(flinkMaster);
    List<Job> running = cluster.running(jobName);
    for (Job job : running) {
      cluster.send("PATCH", "/jobs/" + job.id() + "?mode=cancel");
    }
    long deadline = System.nanoTime() + CANCELLING.toNanos();
    while (!running.isEmpty()) {
      if (System.nanoTime() > deadline) {
        throw new IOException("cancelled, but still running: " + running);
      }
      Thread.sleep(200);
      running = cluster.running(jobName);
    }
  }

  /**
   * Finds out whether a job has failed because its JobManager is gone: it has not answered for a
   * minute, or a new one answers, which does not know the job.
   *
   * @param causes a failure and its causes
   * @return the reason for people, if the JobManager is gone
   */
  public static Optional<String> lost(List<Throwable> causes) {
    for (Throwable cause : causes) {
      if (cause instanceof SerializedThrowable) {
        return Optional.empty(); // the JobManager has answered
      }
      if (cause instanceof FutureUtils.RetryException) {
        return Optional.of(
            "its Flink cluster does not answer ("
                + causes.get(causes.size() - 1).getMessage()
                + ")");
      }
      if (cause instanceof RestClientException
          && cause.getMessage().contains("FlinkJobNotFoundException")) {
        return Optional.of("its Flink cluster has a new JobManager, which does not know it");
      }
    }
    return Optional.empty();
  }

  private List<Job> running(String name) throws IOException, InterruptedException {
    return jobs().stream().filter(job -> job.name().equals(name) && !job.ended()).toList();
  }

  /**
   * Asks for the cluster's size.
   *
   * @throws IOException if nobody answers, or the answer is not Flink's
   */
  public Overview overview() throws IOException, InterruptedException {
    Map<String, Object> overview = send("GET", "/overview");
    try {
      return new Overview(
          (int) overview.get("taskmanagers"),
          (int) overview.get("slots-total"),
          (int) overview.get("slots-available"));
    } catch (NullPointerException | ClassCastException e) {
      throw new IOException("no Flink at " + address + ": " + overview, e);
    }
  }

  /**
   * Asks for Flink's version, such as {@code Flink 1.19.1}.
   *
   * @throws IOException if nobody answers
   */
  public String version() throws IOException, InterruptedException {
    return "Flink " + send("GET", "/config").get("flink-version");
  }

  /** Lists the registered TaskManagers. */
  public List<TaskManager> taskManagers() throws IOException, InterruptedException {
    return list("/taskmanagers", "taskmanagers").stream()
        .map(
            json ->
                new TaskManager(
                    (String) json.get("id"),
                    // Despite its name it is a point in time.
                    Instant.ofEpochMilli(
                        ((Number) json.get("timeSinceLastHeartbeat")).longValue())))
        .toList();
  }

  /** Lists all jobs that the cluster remembers, including those that have ended. */
  public List<Job> jobs() throws IOException, InterruptedException {
    return list("/jobs/overview", "jobs").stream()
        .map(
            json ->
                new Job(
                    (String) json.get("jid"),
                    (String) json.get("name"),
                    (String) json.get("state")))
        .toList();
  }

  /**
   * The sum of a Beam counter over all steps of the running jobs of a name, some seconds old.
   *
   * @throws IOException if the cluster does not answer
   */
  public long counter(String jobName, Class<?> namespace, String name)
      throws IOException, InterruptedException {
    long sum = 0;
    for (Job job : running(jobName)) {
      for (Map<String, Object> accumulator :
          list("/jobs/" + job.id() + "/accumulators", "user-task-accumulators")) {
        if (METRICS.equals(accumulator.get("name"))) {
          sum += BeamCounters.sum((String) accumulator.get("value"), namespace.getName(), name);
        }
      }
    }
    return sum;
  }

  @SuppressWarnings("unchecked")
  private List<Map<String, Object>> list(String path, String name)
      throws IOException, InterruptedException {
    Object list = send("GET", path).get(name);
    if (list == null) {
      throw new IOException("no Flink at " + address);
    }
    return (List<Map<String, Object>>) list;
  }

  /**
   * Sends a request.
   *
   * @param path a path of Flink's REST API
   * @return the JSON object of the answer
   * @throws IOException if nobody answers, or the answer is not JSON
   */
  public Map<String, Object> send(String method, String path)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(address.resolve(path))
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(TIMEOUT)
            .build();
    try {
      String answer = client.send(request, BodyHandlers.ofString()).body();
      return Json.object(answer);
    } catch (JsonProcessingException e) {
      throw new IOException("no Flink at " + address, e);
    } catch (ConnectException e) {
      throw new IOException("connection refused at " + address, e);
    }
  }
}
