package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Stands before an emulator of the GCS JSON API, breaks chosen requests, and counts all of them.
 * Each connection carries one request.
 *
 * <p>It answers one kind of request itself, the question how much of an upload has arrived:
 * fake-gcs-server (1.56.1) takes that for the upload's end. The answer is what the emulator
 * acknowledged.
 */
final class FaultyProxy implements AutoCloseable {
  /** What goes wrong with a request. */
  enum Fault {
    /** It is answered with 503 and never arrives. */
    UNAVAILABLE,
    /** The connection breaks when half of the body has been sent. */
    CUT_IN_THE_MIDDLE,
    /** It is carried out, and the connection breaks before the answer. */
    ANSWER_LOST,
    /** Only half of the answer arrives. */
    ANSWER_CUT
  }

  private static final Pattern LENGTH = Pattern.compile("(?im)^content-length: *(\\d+)");
  private static final Pattern CHUNKED = Pattern.compile("(?im)^transfer-encoding: *chunked");
  private static final Pattern QUERY =
      Pattern.compile("(?im)^content-range: *bytes \\*/(\\*|\\d+)");
  private static final Pattern UPLOAD = Pattern.compile("upload_id=([^& ]+)");
  private static final Pattern RANGE = Pattern.compile("(?im)^range: *bytes=0-(\\d+)");

  private record Rule(Pattern request, Optional<Fault> fault, int[] left) {}

  private final URI target;
  private final ServerSocket server;
  private final List<Rule> rules = Collections.synchronizedList(new ArrayList<>());
  private final List<String> requests = Collections.synchronizedList(new ArrayList<>());
  private final List<String> faults = Collections.synchronizedList(new ArrayList<>());
  private final Map<String, byte[]> lastAnswers = new ConcurrentHashMap<>();

  FaultyProxy(URI target) throws IOException {
    this.target = target;
    this.server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    Thread acceptor = new Thread(this::accept, "faulty-proxy");
    acceptor.setDaemon(true);
    acceptor.start();
  }

  String url() {
    return "http://127.0.0.1:" + server.getLocalPort();
  }

  /** Breaks the next requests whose first line matches. */
  void inject(Fault fault, int times, String request) {
    rules.add(new Rule(Pattern.compile(request), Optional.of(fault), new int[] {times}));
  }

  /** Leaves the next requests whose first line matches alone, before what is injected later. */
  void pass(int times, String request) {
    rules.add(new Rule(Pattern.compile(request), Optional.empty(), new int[] {times}));
  }

  /** The first lines of the requests that were made, in order, broken ones included. */
  List<String> requests() {
    synchronized (requests) {
      return List.copyOf(requests);
    }
  }

  /** The faults that happened. */
  List<String> faults() {
    synchronized (faults) {
      return List.copyOf(faults);
    }
  }

  @Override
  public void close() throws IOException {
    server.close();
  }

  private void accept() {
    while (!server.isClosed()) {
      try {
        Socket client = server.accept();
        Thread thread = new Thread(() -> serve(client), "faulty-proxy-request");
        thread.setDaemon(true);
        thread.start();
      } catch (IOException e) {
        // closed
      }
    }
  }

  private void serve(Socket client) {
    try (client) {
      InputStream in = client.getInputStream();
      String head = readHead(in);
      if (head.isEmpty()) {
        return; // a connection that was opened and not used
      }
      String line = head.substring(0, head.indexOf('\r'));
      requests.add(line);
      Optional<Fault> fault = fault(line);
      fault.ifPresent(f -> faults.add(f + " " + line));
      OutputStream out = client.getOutputStream();
      if (fault.equals(Optional.of(Fault.UNAVAILABLE))) {
        readBody(head, in, 1);
        out.write(answer("503 Service Unavailable", ""));
      } else if (fault.equals(Optional.of(Fault.CUT_IN_THE_MIDDLE))) {
        byte[] half = readBody(head, in, 2);
        if (!isQuery(line, head)) {
          try (Socket socket = new Socket(target.getHost(), target.getPort())) {
            send(socket, head, half);
          }
        }
      } else {
        byte[] body = readBody(head, in, 1);
        byte[] answer = isQuery(line, head) ? progress(line) : forward(line, head, body);
        if (fault.isEmpty()) {
          out.write(answer);
        } else if (fault.equals(Optional.of(Fault.ANSWER_CUT))) {
          out.write(answer, 0, answer.length / 2);
        }
      }
      out.flush();
    } catch (IOException e) {
      // The client went away.
    }
  }

  private Optional<Fault> fault(String line) {
    synchronized (rules) {
      for (Rule rule : rules) {
        if (rule.left()[0] > 0 && rule.request().matcher(line).find()) {
          rule.left()[0]--;
          return rule.fault();
        }
      }
    }
    return Optional.empty();
  }

  private byte[] forward(String line, String head, byte[] body) throws IOException {
    try (Socket socket = new Socket(target.getHost(), target.getPort())) {
      send(socket, head, body);
      byte[] answer = socket.getInputStream().readAllBytes();
      Matcher upload = UPLOAD.matcher(line);
      if (line.startsWith("PUT") && upload.find()) {
        lastAnswers.put(upload.group(1), answer);
      }
      return answer;
    }
  }

  /** Not where the client ends the upload, having sent all of it. */
  private boolean isQuery(String line, String head) {
    Matcher query = QUERY.matcher(head);
    return query.find()
        && !query.group(1).equals("0")
        && !new String(progress(line), ISO_8859_1).contains(lastByte(query.group(1)));
  }

  private static String lastByte(String length) {
    return length.equals("*") ? "none" : "bytes=0-" + (Long.parseLong(length) - 1) + "\r";
  }

  private static void send(Socket socket, String head, byte[] body) throws IOException {
    OutputStream out = socket.getOutputStream();
    String single = head.replaceAll("(?im)^connection:.*\r\n", "");
    out.write((single.replaceFirst("\r\n", "\r\nConnection: close\r\n")).getBytes(ISO_8859_1));
    out.write(body);
    out.flush();
  }

  /** How much of an upload the emulator acknowledged, as GCS tells it. */
  private byte[] progress(String line) {
    Matcher upload = UPLOAD.matcher(line);
    byte[] last = upload.find() ? lastAnswers.get(upload.group(1)) : null;
    if (last == null) {
      return answer("308 Resume Incomplete", "");
    }
    String text = new String(last, ISO_8859_1);
    if (text.startsWith("HTTP/1.1 200")) {
      return last;
    }
    Matcher range = RANGE.matcher(text);
    return answer(
        "308 Resume Incomplete", range.find() ? "Range: bytes=0-" + range.group(1) + "\r\n" : "");
  }

  private static byte[] answer(String status, String headers) {
    return ("HTTP/1.1 "
            + status
            + "\r\n"
            + headers
            + "Content-Length: 0\r\nConnection: close\r\n\r\n")
        .getBytes(ISO_8859_1);
  }

  /** Reads up to and including the empty line. */
  private static String readHead(InputStream in) throws IOException {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    String end = "";
    for (int b = in.read(); b >= 0; b = in.read()) {
      head.write(b);
      end = (end + (char) b).substring(Math.max(0, end.length() - 3));
      if (end.equals("\r\n\r\n")) {
        return head.toString(ISO_8859_1);
      }
    }
    return "";
  }

  /** The body as it comes, or a part of it. */
  private static byte[] readBody(String head, InputStream in, int divisor) throws IOException {
    Matcher length = LENGTH.matcher(head);
    if (length.find()) {
      return in.readNBytes(Integer.parseInt(length.group(1)) / divisor);
    }
    if (!CHUNKED.matcher(head).find()) {
      return new byte[0];
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream();
    int size;
    do {
      StringBuilder line = new StringBuilder();
      while (line.indexOf("\r\n") < 0) {
        int b = in.read();
        if (b < 0) {
          throw new UncheckedIOException(new IOException("a request broke off"));
        }
        line.append((char) b);
      }
      size = Integer.parseInt(line.toString().trim(), 16);
      body.writeBytes(line.toString().getBytes(ISO_8859_1));
      body.writeBytes(in.readNBytes(size + 2));
    } while (size > 0);
    byte[] whole = body.toByteArray();
    return Arrays.copyOf(whole, whole.length / divisor);
  }
}
