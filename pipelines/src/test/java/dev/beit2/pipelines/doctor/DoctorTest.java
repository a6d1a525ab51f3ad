package dev.beit2.pipelines.doctor;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.net.httpserver.HttpServer;
import dev.beit2.io.Json;
import dev.beit2.model.torch.TorchLibrary;
import dev.beit2.pipelines.cli.CommandLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DoctorTest {
  @TempDir private Path dir;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  private List<Finding> examine(String... args) throws InterruptedException {
    return Doctor.examine(CommandLine.parse(Doctor.COMMAND, args));
  }

  private static Finding of(String thing, List<Finding> findings) {
    return findings.stream()
        .filter(finding -> finding.thing().equals(thing))
        .findAny()
        .orElseThrow();
  }

  private int print(List<Finding> findings, boolean json) {
    out.reset();
    return Doctor.print(findings, json, new PrintStream(out, true, UTF_8));
  }

  @Test
  void aFolderIsWrittenAndReadAndLeftAsItWas() throws Exception {
    Path file = Files.writeString(dir.resolve("file"), "");
    List<Finding> findings = examine(dir.toString(), dir + "/new", file + "/below");
    assertTrue(of(dir.toString(), findings).usable());
    assertTrue(of(dir + "/new", findings).usable());
    assertFalse(of(file + "/below", findings).usable());
    try (var files = Files.list(dir)) {
      assertEquals(List.of(file), files.toList());
    }
    assertEquals(CommandLine.FAILED, print(findings, false));
    assertTrue(out.toString(UTF_8).contains("\nNOT  " + file + "/below: cannot be used: "));
  }

  @Test
  void aMissingGpuFailsOnlyWhereOneIsAskedFor() throws Exception {
    boolean none = TorchLibrary.loaded().gpus().isEmpty();
    assertEquals(!none, of("device", examine("--device=gpu")).usable());
    assertTrue(of("device", examine("--device=cpu")).usable());
    assertTrue(of("device", examine()).usable());
  }

  @Test
  void flinkIsAskedForItsVersionAndSlots() throws Exception {
    assertEquals("in this JVM", of("Flink", examine()).found());
    HttpServer flink =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    answer(flink, "/overview", "{\"taskmanagers\":2,\"slots-total\":4,\"slots-available\":3}");
    answer(flink, "/config", "{\"flink-version\":\"1.19.1\"}");
    flink.start();
    String master = "127.0.0.1:" + flink.getAddress().getPort();
    try {
      Finding found = of("Flink", examine("--flinkMaster=" + master));
      assertEquals(
          "Flink 1.19.1 at " + master + ", 2 TaskManagers, 4 slots, 3 of them free", found.found());
      assertTrue(found.usable());
    } finally {
      flink.stop(0);
    }
    assertFalse(of("Flink", examine("--flinkMaster=" + master)).usable());
  }

  private static void answer(HttpServer server, String path, String json) {
    server.createContext(
        path,
        exchange -> {
          byte[] bytes = json.getBytes(UTF_8);
          exchange.sendResponseHeaders(200, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
  }

  @Test
  void jsonHasAllFindings() throws IOException {
    assertEquals(
        CommandLine.OK,
        print(List.of(Finding.of("Java", "17"), Finding.of("Flink", "here")), true));
    Map<String, Object> json = Json.object(out.toString(UTF_8));
    assertEquals(true, json.get("usable"));
    assertEquals(2, ((List<?>) json.get("findings")).size());
  }

  @Test
  void precisionsComeFromTheProcessorsFlags() {
    assertEquals(
        "fp32 and bf16 (avx2, avx512f, avx512_bf16)",
        Processor.precisions("processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512_bf16\n"));
    assertEquals(
        "fp32; bf16 is emulated and slow (avx2)", Processor.precisions("flags\t: sse avx2\n"));
    assertEquals("fp32 and bf16 (asimd, bf16)", Processor.precisions("Features : fp asimd bf16\n"));
    assertEquals(
        "fp32; bf16 is emulated and slow (no vector instructions known)", Processor.precisions(""));
  }
}
