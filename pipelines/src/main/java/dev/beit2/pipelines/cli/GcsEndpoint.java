package dev.beit2.pipelines.cli;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.options.PipelineOptions;

/** {@code --gcsEndpoint}: another server than Google's for {@code gs://} paths. */
final class GcsEndpoint {
  private static final String OPTION = "gcsEndpoint";
  private static final int CONNECT_MILLISECONDS = 5000;
  private static final Pattern URL =
      Pattern.compile("(?<server>(?<scheme>https?)://[\\w.-]+(:\\d+)?)/?(?<path>.*)");

  private GcsEndpoint() {}

  /**
   * Completes {@code --gcsEndpoint=http://HOST:PORT}: adds the usual path of the API, and sends no
   * credentials over an unencrypted connection.
   */
  static void apply(Map<String, String> given, PipelineOptions options) {
    String endpoint = given.get(OPTION);
    if (endpoint == null) {
      return;
    }
    Matcher parts = URL.matcher(endpoint);
    if (!parts.matches()) {
      throw new InvalidOptionException(
          "--" + OPTION + "=" + endpoint, endpoint, "http://HOST:PORT or https://HOST");
    }
    GcsOptions gcs = options.as(GcsOptions.class);
    if (parts.group("path").isEmpty()) {
      gcs.setGcsEndpoint(parts.group("server") + "/storage/v1/");
    }
    if (parts.group("scheme").equals("http") && !given.containsKey("credentialFactoryClass")) {
      gcs.setCredentialFactoryClass(NoopCredentialFactory.class);
    }
  }

  /** Fails at once if nobody answers; requests would be retried for minutes without a word. */
  static void requireServer(@Nullable String endpoint) {
    if (endpoint == null) {
      return;
    }
    URI uri = URI.create(endpoint);
    int port = uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equals("https") ? 443 : 80;
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(uri.getHost(), port), CONNECT_MILLISECONDS);
    } catch (IOException e) {
      throw new InvalidOptionException(
          "--" + OPTION + "=" + endpoint,
          "nobody there (" + e.getMessage() + ")",
          "a server that answers");
    }
  }
}
