package dev.beit2.io.store;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;

/** As much of Google Cloud Storage's JSON API as writing an object takes, in this JVM. */
final class FakeGcs implements AutoCloseable {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Pattern RANGE = Pattern.compile("bytes (\\d+)-(\\d+)/(\\d+|\\*)");

  final SortedMap<String, byte[]> objects = Collections.synchronizedSortedMap(new TreeMap<>());
  final List<String> requests = Collections.synchronizedList(new ArrayList<>());

  /** Whether uploads are corrupted in transit. */
  volatile boolean corrupting;

  /** The methods of requests whose responses are lost: the connection breaks instead. */
  final Map<String, Integer> lostAnswers = Collections.synchronizedMap(new HashMap<>());

  private final HttpServer server;
  private final Map<String, ByteArrayOutputStream> uploads = new HashMap<>();
  private final Map<String, Long> generations = new HashMap<>();

  FakeGcs() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::serve);
    server.start();
  }

  String endpoint() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/storage/v1/";
  }

  @Override
  public void close() {
    server.stop(0);
  }

  private synchronized void serve(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod();
    boolean zipped = "gzip".equals(exchange.getRequestHeaders().getFirst("Content-Encoding"));
    InputStream in = exchange.getRequestBody();
    byte[] body = (zipped ? new GZIPInputStream(in) : in).readAllBytes();
    requests.add(method + " " + exchange.getRequestURI());
    if (exchange.getRequestHeaders().containsKey("Authorization")) {
      answer(exchange, 401, "{}");
    } else if (method.equals("POST") && query(exchange, "uploadType").equals("multipart")) {
      multipart(exchange, body);
    } else if (method.equals("POST")) {
      String id = "upload-" + uploads.size();
      uploads.put(id, new ByteArrayOutputStream());
      exchange
          .getResponseHeaders()
          .set(
              "Location",
              endpoint() + "upload?name=" + query(exchange, "name") + "&upload_id=" + id);
      answer(exchange, 200, "");
    } else if (method.equals("PUT")) {
      part(exchange, body);
    } else {
      String path = exchange.getRequestURI().getRawPath();
      String name = decode(path.substring(path.lastIndexOf('/') + 1));
      if (method.equals("DELETE")) {
        objects.remove(name);
        answer(exchange, 204, "");
      } else if (query(exchange, "alt").equals("media") && objects.containsKey(name)) {
        answer(exchange, 200, new String(objects.get(name), ISO_8859_1));
      } else {
        describe(exchange, name);
      }
    }
  }

  private void multipart(HttpExchange exchange, byte[] body) throws IOException {
    String type = exchange.getRequestHeaders().getFirst("Content-Type");
    String boundary = type.replaceFirst(".*boundary=\"?([^\";]+)\"?.*", "$1");
    String[] parts = new String(body, ISO_8859_1).split("(\r\n)?--" + Pattern.quote(boundary), -1);
    String metadata = parts[1].substring(parts[1].indexOf("\r\n\r\n") + 4);
    String content = parts[2].substring(parts[2].indexOf("\r\n\r\n") + 4);
    String name = JSON.readTree(metadata).get("name").asText();
    String wanted = query(exchange, "ifGenerationMatch");
    if (!wanted.isEmpty() && Long.parseLong(wanted) != generation(name)) {
      answer(exchange, 412, "{\"error\":{\"code\":412,\"message\":\"conditionNotMet\"}}");
      return;
    }
    store(name, content.getBytes(ISO_8859_1));
    describe(exchange, name);
  }

  private void part(HttpExchange exchange, byte[] body) throws IOException {
    ByteArrayOutputStream upload = uploads.get(query(exchange, "upload_id"));
    Matcher range = RANGE.matcher(exchange.getRequestHeaders().getFirst("Content-Range"));
    if (range.matches()) {
      upload.writeBytes(body);
    }
    if (range.matches() && range.group(3).equals("*")) {
      exchange.getResponseHeaders().set("Range", "bytes=0-" + (upload.size() - 1));
      answer(exchange, 308, "");
    } else {
      store(query(exchange, "name"), upload.toByteArray());
      describe(exchange, query(exchange, "name"));
    }
  }

  private void store(String name, byte[] content) {
    byte[] arrived = content.clone();
    if (corrupting) {
      arrived[arrived.length / 2] ^= 1;
    }
    objects.put(name, arrived);
    generations.merge(name, 1L, Long::sum);
  }

  /** How often an object was written, or 0 if there is none. */
  private long generation(String name) {
    return objects.containsKey(name) ? generations.getOrDefault(name, 1L) : 0;
  }

  private void describe(HttpExchange exchange, String name) throws IOException {
    byte[] content = objects.get(name);
    if (content == null) {
      answer(exchange, 404, "{\"error\":{\"code\":404,\"message\":\"No such object\"}}");
      return;
    }
    Map<String, String> object = new LinkedHashMap<>();
    object.put("bucket", "bucket");
    object.put("name", name);
    object.put("size", "" + content.length);
    object.put("generation", "" + generation(name));
    object.put("crc32c", ObjectStore.base64(WriteResult.of(content)));
    answer(exchange, 200, JSON.writeValueAsString(object));
  }

  private void answer(HttpExchange exchange, int status, String json) throws IOException {
    int lost = lostAnswers.getOrDefault(exchange.getRequestMethod(), 0);
    lostAnswers.put(exchange.getRequestMethod(), lost - 1);
    if (lost > 0) {
      exchange.close();
      return;
    }
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(status, json.isEmpty() ? -1 : json.length());
    if (!json.isEmpty()) {
      exchange.getResponseBody().write(json.getBytes(UTF_8));
    }
    exchange.close();
  }

  private static String query(HttpExchange exchange, String name) {
    String query = exchange.getRequestURI().getRawQuery();
    return query == null
        ? ""
        : Arrays.stream(query.split("&", -1))
            .filter(pair -> pair.startsWith(name + "="))
            .map(pair -> decode(pair.substring(name.length() + 1)))
            .findFirst()
            .orElse("");
  }

  private static String decode(String text) {
    return URLDecoder.decode(text, UTF_8);
  }
}
