package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.pipelines.Beit2;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.flink.FlinkTarget;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.flink.kubernetes.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.junit.jupiter.api.Test;

/** What infra/compose says, held against what it runs. */
final class ComposeTest {
  private static final Path FOLDER = Path.of("../infra/compose");

  private static JsonNode compose() throws IOException {
    return Manifests.objects(Files.readString(FOLDER.resolve("compose.yaml"))).get(0);
  }

  private static Map<String, String> settings() throws IOException {
    Map<String, String> settings = new TreeMap<>();
    compose()
        .at("/x-flink/environment/FLINK_PROPERTIES")
        .asText()
        .lines()
        .map(line -> line.split(": ", 2))
        .forEach(setting -> settings.put(setting[0], setting[1]));
    return settings;
  }

  /** But for addresses and memory, which Kubernetes gives there. */
  @Test
  void theClusterHasTheSettingsOfKubernetes() throws Exception {
    Manifests manifests = Manifests.ofOverlay("cpu-dev");
    Map<String, String> wanted = new TreeMap<>(manifests.settings());
    wanted
        .keySet()
        .removeIf(
            name -> name.matches("(env|high-availability|metrics|slotmanager|web)\\..*|metrics.*"));
    Map<String, String> found = settings();
    for (String part : List.of("jobmanager", "taskmanager")) {
      assertEquals(
          manifests.configuration().toMap().get(part + ".memory.process.size"),
          found.remove(part + ".memory.process.size"));
    }
    found.keySet().removeIf(name -> name.matches(".*\\.(address|bind-host|bind-address)"));
    assertEquals(wanted, found);
    assertEquals(
        settings().get("taskmanager.memory.process.size"),
        compose().at("/services/taskmanager/mem_limit").asText());
  }

  @Test
  void theImageIsThatOfInfraFlink() throws Exception {
    JsonNode build = compose().at("/x-flink/build");
    Path context = FOLDER.resolve(build.get("context").asText());
    Path dockerfile = context.resolve(build.get("dockerfile").asText());
    assertTrue(Files.readString(dockerfile).contains(" AS " + build.get("target").asText() + "\n"));
    assertEquals(
        Manifests.ofOverlay("cpu-dev").cluster().at("/spec/image").asText(),
        compose().at("/x-flink/image").asText());
  }

  /** The options of each of the launcher's commands are accepted, and name its services. */
  @Test
  void theLaunchersCommandsFindTheirServices() throws Exception {
    List<String> script =
        compose().at("/services/launcher/command/2").asText().replace("$$", "$").lines().toList();
    String cluster = script.get(0).replaceFirst("cluster=\"(.*)\"", "$1");
    List<String> commands = new ArrayList<>();
    for (String line : script.subList(1, script.size())) {
      List<String> words = List.of(line.replace("$cluster", cluster).split(" "));
      assertEquals("beit2", words.get(0));
      Command<?> command =
          Beit2.COMMANDS.stream()
              .filter(known -> known.name().equals(words.get(1)))
              .findAny()
              .orElseThrow();
      PipelineOptions options =
          CommandLine.parse(command, words.subList(2, words.size()).toArray(String[]::new));
      assertService("jobmanager", FlinkTarget.of(options).master());
      assertService(
          "bucket",
          options.as(GcsOptions.class).getGcsEndpoint().replaceFirst("http://(.*?)/.*", "$1"));
      commands.add(command.name());
    }
    assertEquals(List.of("train-tokenizer", "tokenize", "pretrain"), commands);
  }

  private static void assertService(String name, String address) throws IOException {
    assertEquals(name, address.split(":")[0]);
    JsonNode service = compose().at("/services/" + name);
    String port = address.split(":")[1];
    assertTrue(service.toString().contains(port), service::toString);
  }
}
