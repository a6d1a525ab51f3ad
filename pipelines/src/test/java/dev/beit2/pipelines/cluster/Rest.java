package dev.beit2.pipelines.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.io.Json;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * Jars by Flink's REST API, as curl would send them.
 *
 * @param master {@code HOST:PORT}
 */
record Rest(String master) {
  private static final HttpClient CLIENT = HttpClient.newHttpClient();
  private static final String BOUNDARY = "beit2";

  /** Uploads a jar and returns its name there. */
  String upload(Path jar) throws IOException, InterruptedException {
    String head =
        "--%s\r\nContent-Disposition: form-data; name=\"jarfile\"; filename=\"%s\"\r\nContent-Type: application/x-java-archive\r\n\r\n"
            .formatted(BOUNDARY, jar.getFileName());
    String tail = "\r\n--%s--\r\n".formatted(BOUNDARY);
    BodyPublisher body =
        BodyPublishers.ofInputStream(
            () -> {
              try {
                List<InputStream> parts =
                    List.of(
                        new ByteArrayInputStream(head.getBytes(UTF_8)),
                        Files.newInputStream(jar),
                        new ByteArrayInputStream(tail.getBytes(UTF_8)));
                return new SequenceInputStream(Collections.enumeration(parts));
              } catch (IOException e) {
                throw new IllegalStateException(e);
              }
            });
    Map<String, Object> answer =
        send("/jars/upload", "multipart/form-data; boundary=" + BOUNDARY, body);
    return Path.of((String) answer.get("filename")).getFileName().toString();
  }

  /** The answer to a request of JSON. */
  Map<String, Object> post(String path, Map<String, ?> json)
      throws IOException, InterruptedException {
    return send(path, "application/json", BodyPublishers.ofString(Json.pretty(json)));
  }

  private Map<String, Object> send(String path, String type, BodyPublisher body)
      throws IOException, InterruptedException {
    HttpRequest request =
        HttpRequest.newBuilder(URI.create("http://" + master + path))
            .header("Content-Type", type)
            .POST(body)
            .build();
    return Json.object(CLIENT.send(request, BodyHandlers.ofString()).body());
  }
}
