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

/** A Flink cluster and its jobs, as its REST interface tells of them. */
public final class FlinkJobs {
  private static final int DEFAULT_PORT = 8081;
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final Duration CANCELLING = Duration.ofMinutes(3);
  private static final Set<String> ENDED = Set.of("FINISHED", "FAILED", "CANCELED", "SUSPENDED");

  private final HttpClient client =
      HttpClient.newBuilder().connectTimeout(TIMEOUT).proxy(HttpClient.Builder.NO_PROXY).build();
  private final URI address;

  private FlinkJobs(URI address) {
    this.address = address;
  }

  /**
   * @param taskManagers registered ones
   * @param slots of all TaskManagers
   * @param freeSlots those without a task
   */
  public record Overview(int taskManagers, int slots, int freeSlots) {}

  /**
   * A TaskManager that is registered.
   *
   * @param lastHeartbeat when it last was heard of, to the millisecond
   */
  public record TaskManager(String id, Instant lastHeartbeat) {}

  /**
   * @param id Flink's, 32 hexadecimal digits
   * @param state Flink's, such as {@code RUNNING}
   */
  public record Job(String id, String name, String state) {
    public boolean ended() {
      return ENDED.contains(state);
    }
  }

  /**
   * @param flinkMaster {@code HOST:PORT} or {@code HOST}, as {@code --flinkMaster} takes it
   * @throws IllegalArgumentException if it is no address
   */
  public static FlinkJobs at(String flinkMaster) {
    String master = requireNonNull(flinkMaster, "flinkMaster is null").trim();
    URI uri = URI.create(master.matches("https?://.*") ? master : "http://" + master);
    if (uri.getHost() == null) {
      throw new IllegalArgumentException("no HOST:PORT: " + flinkMaster);
    }
    int port = uri.getPort() < 0 ? DEFAULT_PORT : uri.getPort();
    return new FlinkJobs(URI.create("%s://%s:%d".formatted(uri.getScheme(), uri.getHost(), port)));
  }

  /**
   * Cancels the jobs of a name and returns when they have ended; without any, at once.
   *
   * @param flinkMaster {@code HOST:PORT}
   * @throws IOException if the cluster does not answer, or a job does not end in minutes
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
   * Why nothing more will be heard of a job, if a failure and its causes tell that its JobManager
   * is gone: it does not answer for a minute, or the one that answers has not heard of the job.
   */
  public static Optional<String> lost(List<Throwable> causes) {
    for (Throwable cause : causes) {
      if (cause instanceof SerializedThrowable) {
        return Optional.empty(); // somebody answered
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
   * The cluster's size.
   *
   * @throws IOException if nobody answers there, or somebody else than Flink
   */
  public Overview overview() throws IOException, InterruptedException {
    Map<String, Object> told = send("GET", "/overview");
    try {
      return new Overview(
          (int) told.get("taskmanagers"),
          (int) told.get("slots-total"),
          (int) told.get("slots-available"));
    } catch (NullPointerException | ClassCastException e) {
      throw new IOException("no Flink at " + address + ": " + told, e);
    }
  }

  public List<TaskManager> taskManagers() throws IOException, InterruptedException {
    return list("/taskmanagers", "taskmanagers").stream()
        .map(
            told ->
                new TaskManager(
                    (String) told.get("id"),
                    // So named, but a point in time.
                    Instant.ofEpochMilli(
                        ((Number) told.get("timeSinceLastHeartbeat")).longValue())))
        .toList();
  }

  /** All jobs that the cluster remembers, ended ones too. */
  public List<Job> jobs() throws IOException, InterruptedException {
    return list("/jobs/overview", "jobs").stream()
        .map(
            told ->
                new Job(
                    (String) told.get("jid"),
                    (String) told.get("name"),
                    (String) told.get("state")))
        .toList();
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
   * Asks for something, or for something to be done.
   *
   * @param path as Flink's documentation of its REST interface has it
   * @return the answer's JSON
   * @throws IOException if nobody answers there, or somebody else than Flink
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
