package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import dev.beit2.io.Json;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import java.util.zip.GZIPInputStream;

/**
 * A bucket behind as much of Google Cloud Storage's JSON API as the launcher and the workers of a
 * template use, on the loopback device. It forgets the bytes of jars. {@code .ci/gcs} tests the
 * commands against a whole emulator.
 */
final class Bucket implements Closeable {
  static final String NAME = "beit2-templates";

  private static final Pattern OBJECT =
      Pattern.compile("(/upload|/download)?/storage/v1/b/[^/]+/o(/(?<name>[^?]+))?(\\?.*)?");
  private static final Pattern RANGE = Pattern.compile("bytes (\\d+)-(\\d+)/(\\d+|\\*)");
  private static final Pattern PART =
      Pattern.compile(
          "(?s)content-id: <?([^>\r\n]+)>?.*?DELETE ([^ ]+) HTTP", Pattern.CASE_INSENSITIVE);

  final SortedMap<String, byte[]> objects = new ConcurrentSkipListMap<>();

  private final HttpServer server;
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final Map<String, ByteArrayOutputStream> uploads = new HashMap<>();
  private final Map<String, Long> generations = new HashMap<>();

  Bucket() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::serve);
    server.setExecutor(threads);
    server.start();
  }

  /** Another service of the same address, under a path of its own. */
  void serve(String path, Service service) {
    server.createContext(
        path,
        exchange -> {
          String answer;
          try {
            answer = service.answer(read(exchange));
          } catch (IOException | RuntimeException | AssertionError e) {
            e.printStackTrace();
            answer(exchange, 400, e.toString().getBytes(UTF_8));
            return;
          }
          answer(exchange, 200, answer.getBytes(UTF_8));
        });
  }

  /** Answers a request's body. */
  interface Service {
    String answer(String request) throws IOException;
  }

  String url() {
    return "http://127.0.0.1:" + server.getAddress().getPort() + "/";
  }

  String gcsEndpoint() {
    return url() + "storage/v1/";
  }

  /** {@code gs://BUCKET/name}. */
  static String path(String name) {
    return "gs://" + NAME + "/" + name;
  }

  /** The object of a path {@code gs://BUCKET/name}. */
  byte[] at(String path) {
    byte[] content = objects.get(path.replace("gs://" + NAME + "/", ""));
    if (content == null) {
      throw new AssertionError("no " + path + " among " + objects.keySet());
    }
    return content;
  }

  @Override
  public void close() {
    server.stop(0);
    threads.shutdownNow();
  }

  private void serve(HttpExchange exchange) throws IOException {
    try {
      route(exchange);
    } catch (RuntimeException e) {
      e.printStackTrace();
      answer(exchange, 500, e.toString().getBytes(UTF_8));
    }
  }

  private synchronized void route(HttpExchange exchange) throws IOException {
    String method = exchange.getRequestMethod();
    String path = exchange.getRequestURI().getRawPath();
    Matcher object = OBJECT.matcher(path);
    if (path.startsWith("/batch")) {
      batch(exchange);
    } else if (!object.matches()) {
      answer(exchange, 200, Json.pretty(Map.of("name", NAME, "location", "US")).getBytes(UTF_8));
    } else if (method.equals("PUT")) {
      part(exchange);
    } else if (method.equals("POST")) {
      upload(exchange);
    } else if (object.group("name") == null) {
      list(exchange);
    } else if (method.equals("DELETE")) {
      boolean found = objects.remove(decode(object.group("name"))) != null;
      answer(exchange, found ? 204 : 404, new byte[0]);
    } else {
      get(exchange, decode(object.group("name")));
    }
  }

  private void get(HttpExchange exchange, String name) throws IOException {
    byte[] content = objects.get(name);
    if (content == null) {
      missing(exchange);
    } else if (query(exchange, "alt").equals("media")) {
      String range = exchange.getRequestHeaders().getFirst("Range");
      int from = 0;
      int to = content.length;
      if (range != null) {
        String[] ends = range.replace("bytes=", "").split("-", -1);
        from = Integer.parseInt(ends[0]);
        to = ends[1].isEmpty() ? to : (int) Math.min(to, Long.parseLong(ends[1]) + 1);
      }
      if (from > to || (from == to && from > 0)) {
        answer(exchange, 416, new byte[0]);
        return;
      }
      exchange
          .getResponseHeaders()
          .set("Content-Range", "bytes %d-%d/%d".formatted(from, to - 1, content.length));
      exchange.getResponseHeaders().set("X-Goog-Generation", "" + generation(name));
      answer(exchange, range == null ? 200 : 206, Arrays.copyOfRange(content, from, to));
    } else {
      describe(exchange, name);
    }
  }

  private void list(HttpExchange exchange) throws IOException {
    String prefix = query(exchange, "prefix");
    List<Map<String, String>> items = new ArrayList<>();
    for (String name : objects.tailMap(prefix).keySet()) {
      if (name.startsWith(prefix)) {
        items.add(description(name));
      }
    }
    answer(exchange, 200, Json.pretty(Map.of("items", items)).getBytes(UTF_8));
  }

  private void upload(HttpExchange exchange) throws IOException {
    String body = read(exchange);
    boolean whole = query(exchange, "uploadType").equals("multipart");
    String[] parts = {body, ""};
    if (whole) {
      String type = exchange.getRequestHeaders().getFirst("Content-Type");
      String boundary = type.replaceFirst(".*boundary=\"?([^\";]+)\"?.*", "$1");
      String[] all = body.split("(\r\n)?--" + Pattern.quote(boundary), -1);
      parts = new String[] {afterHeaders(all[1]), afterHeaders(all[2])};
    }
    String name = query(exchange, "name");
    if (name.isEmpty()) {
      name = Json.read(parts[0], Map.class).get("name").toString();
    }
    String wanted = query(exchange, "ifGenerationMatch");
    if (!wanted.isEmpty() && Long.parseLong(wanted) != generation(name)) {
      answer(
          exchange,
          412,
          "{\"error\":{\"code\":412,\"message\":\"conditionNotMet\"}}".getBytes(UTF_8));
    } else if (whole) {
      store(name, parts[1].getBytes(ISO_8859_1));
      describe(exchange, name);
    } else {
      String id = "upload-" + uploads.size();
      uploads.put(id, new ByteArrayOutputStream());
      exchange
          .getResponseHeaders()
          .set(
              "Location",
              url() + "upload/storage/v1/b/" + NAME + "/o?name=" + name + "&upload_id=" + id);
      answer(exchange, 200, new byte[0]);
    }
  }

  private static String afterHeaders(String part) {
    return part.substring(part.indexOf("\r\n\r\n") + 4);
  }

  private void part(HttpExchange exchange) throws IOException {
    ByteArrayOutputStream upload = uploads.get(query(exchange, "upload_id"));
    String given = exchange.getRequestHeaders().getFirst("Content-Range");
    Matcher range = RANGE.matcher(given == null ? "" : given);
    byte[] content = read(exchange).getBytes(ISO_8859_1);
    if (!query(exchange, "name").endsWith(".jar")) { // which is larger than this JVM's heap
      upload.writeBytes(content);
    }
    if (range.matches() && range.group(3).equals("*")) {
      exchange.getResponseHeaders().set("Range", "bytes=0-" + range.group(2));
      answer(exchange, 308, new byte[0]);
    } else {
      store(query(exchange, "name"), upload.toByteArray());
      describe(exchange, query(exchange, "name"));
    }
  }

  /** Deletions, which Beam sends together. */
  private void batch(HttpExchange exchange) throws IOException {
    StringBuilder answer = new StringBuilder();
    Matcher part = PART.matcher(read(exchange));
    while (part.find()) {
      String name = decode(part.group(2).replaceFirst(".*/o/", "").replaceFirst("\\?.*", ""));
      boolean found = objects.remove(name) != null;
      String content =
          found
              ? "HTTP/1.1 204 No Content\r\n\r\n"
              : "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n\r\n"
                  + "{\"error\":{\"code\":404,\"message\":\"none\"}}\r\n";
      answer
          .append("--batch\r\nContent-Type: application/http\r\nContent-ID: <response-")
          .append(part.group(1))
          .append(">\r\n\r\n")
          .append(content)
          .append("\r\n");
    }
    exchange.getResponseHeaders().set("Content-Type", "multipart/mixed; boundary=batch");
    answer(exchange, 200, answer.append("--batch--\r\n").toString().getBytes(UTF_8));
  }

  private synchronized void store(String name, byte[] content) {
    objects.put(name, content);
    generations.merge(name, 1L, Long::sum);
  }

  private long generation(String name) {
    return objects.containsKey(name) ? generations.getOrDefault(name, 1L) : 0;
  }

  private void describe(HttpExchange exchange, String name) throws IOException {
    if (objects.containsKey(name)) {
      answer(exchange, 200, Json.pretty(description(name)).getBytes(UTF_8));
    } else {
      missing(exchange);
    }
  }

  private static void missing(HttpExchange exchange) throws IOException {
    answer(exchange, 404, "{\"error\":{\"code\":404,\"message\":\"none\"}}".getBytes(UTF_8));
  }

  private Map<String, String> description(String name) {
    byte[] content = objects.get(name);
    CRC32C crc = new CRC32C();
    crc.update(content);
    Map<String, String> object = new TreeMap<>();
    object.put("kind", "storage#object");
    object.put("bucket", NAME);
    object.put("name", name);
    object.put("size", "" + content.length);
    object.put("generation", "" + generation(name));
    object.put("metageneration", "1");
    object.put("updated", "2026-01-01T00:00:00.000Z");
    object.put("timeCreated", "2026-01-01T00:00:00.000Z");
    object.put("etag", "" + generation(name));
    object.put("crc32c", base64(ByteBuffer.allocate(4).putInt((int) crc.getValue()).array()));
    object.put("md5Hash", base64(md5(content)));
    return object;
  }

  private static byte[] md5(byte[] content) {
    try {
      return MessageDigest.getInstance("MD5").digest(content);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String base64(byte[] bytes) {
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** A request's body, a character for each byte. */
  private static String read(HttpExchange exchange) throws IOException {
    InputStream in = exchange.getRequestBody();
    boolean zipped = "gzip".equals(exchange.getRequestHeaders().getFirst("Content-Encoding"));
    return new String((zipped ? new GZIPInputStream(in) : in).readAllBytes(), ISO_8859_1);
  }

  private static void answer(HttpExchange exchange, int status, byte[] body) throws IOException {
    exchange.getResponseHeaders().putIfAbsent("Content-Type", List.of("application/json"));
    exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
    if (body.length > 0) {
      exchange.getResponseBody().write(body);
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
    return URLDecoder.decode(text.replace("+", "%2B"), UTF_8);
  }
}
