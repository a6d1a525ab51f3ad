package dev.beit2.pipelines.flink;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.net.httpserver.HttpServer;
import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.StageProgress;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** On what a Flink 1.19 cluster told of a job of ours. */
final class BeamCountersTest {
  private static final String NAMESPACE = StageProgress.class.getName();

  /** 260 images in one step, 7 in another one; views are another counter. */
  private static final String METRICS =
      """
      {"metrics": {"attempted": [
        {"urn": "beam:metric:user:sum_int64:v1", "type": "beam:metrics:sum_int64:v1", "payload": "hAI=",
         "labels": {"NAMESPACE": "%1$s", "NAME": "processed", "PTRANSFORM": "Encode views/Encode"}},
        {"urn": "beam:metric:user:sum_int64:v1", "type": "beam:metrics:sum_int64:v1", "payload": "Bw==",
         "labels": {"NAMESPACE": "%1$s", "NAME": "processed", "PTRANSFORM": "Encode the rest"}},
        {"urn": "beam:metric:user:sum_int64:v1", "type": "beam:metrics:sum_int64:v1", "payload": "oBA=",
         "labels": {"NAMESPACE": "dev.beit2.Views", "NAME": "processed", "PTRANSFORM": "Encode views/Encode"}}
      ]}}
      """
          .formatted(NAMESPACE);

  @Test
  void aCounterIsSummedOverItsSteps() throws IOException {
    assertEquals(267, BeamCounters.sum(METRICS, NAMESPACE, "processed"));
    assertEquals(0, BeamCounters.sum(METRICS, NAMESPACE, "not counted so far"));
  }

  @Test
  void otherTextIsRefused() {
    for (String text : List.of("{}", "{\"metrics\": 1}", METRICS.replace("hAI=", "?"))) {
      assertThrows(IOException.class, () -> BeamCounters.sum(text, NAMESPACE, "processed"), text);
    }
  }

  @Test
  void onlyRunningJobsOfTheNameCount() throws IOException, InterruptedException {
    HttpServer flink =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answer(
        flink,
        "/jobs/overview",
        Map.of("jobs", List.of(job("a", "ours", "RUNNING"), job("b", "ours", "FINISHED"))));
    Map<String, Object> beam = Map.of("name", "__metricscontainers", "value", METRICS);
    answer(
        flink,
        "/jobs/a/accumulators",
        Map.of("user-task-accumulators", List.of(beam, Map.of("name", "other", "value", "x"))));
    flink.start();
    try {
      FlinkJobs jobs = FlinkJobs.at("127.0.0.1:" + flink.getAddress().getPort());
      assertEquals(267, jobs.counter("ours", StageProgress.class, "processed"));
      assertEquals(0, jobs.counter("another", StageProgress.class, "processed"));
    } finally {
      flink.stop(0);
    }
  }

  private static Map<String, String> job(String id, String name, String state) {
    return Map.of("jid", id, "name", name, "state", state);
  }

  private static void answer(HttpServer server, String path, Map<String, ?> json) {
    server.createContext(
        path,
        exchange -> {
          byte[] bytes = Json.pretty(json).getBytes(UTF_8);
          exchange.sendResponseHeaders(200, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
  }
}
