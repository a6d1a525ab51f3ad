package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The names that infra/terraform shares with the overlay {@code gpu} and with the templates. */
final class TerraformTest {
  private static final Path FOLDER = Path.of("../infra/terraform");

  /** The text of a block that is not inside of another one. */
  private static String block(String file, String header) throws IOException {
    Matcher matcher =
        Pattern.compile(
                "^" + Pattern.quote(header) + " \\{\n(.*?)^}", Pattern.MULTILINE | Pattern.DOTALL)
            .matcher(Files.readString(FOLDER.resolve(file)));
    assertTrue(matcher.find(), () -> file + " has no " + header);
    return matcher.group(1);
  }

  private static String value(String block, String name) {
    return only(block, name + " *= \"?([^\"\n]*?)\"?(?: #.*)?\n");
  }

  private static String only(String text, String pattern) {
    List<String> found =
        Pattern.compile(pattern).matcher(text).results().map(match -> match.group(1)).toList();
    assertEquals(1, found.size(), () -> pattern + " in " + text);
    return found.get(0);
  }

  private static String readme(String path) throws IOException {
    return Files.readString(Path.of("..", path));
  }

  @Test
  void podsAreTheAccountThatMayUseTheBucket() throws Exception {
    Manifests manifests = Manifests.ofOverlay("gpu");
    String account =
        value(block("accounts.tf", "resource \"google_service_account\" \"flink\""), "account_id");
    assertEquals(
        account + "@PROJECT.iam.gserviceaccount.com",
        manifests
            .only("ServiceAccount")
            .at("/metadata/annotations")
            .get("iam.gke.io/gcp-service-account")
            .asText());
    String pods =
        block("accounts.tf", "resource \"google_service_account_iam_member\" \"flink_pods\"");
    assertTrue(
        value(pods, "member")
            .endsWith(
                "[${var.namespace}/"
                    + manifests.cluster().at("/spec/serviceAccount").asText()
                    + "]"),
        pods);
  }

  @Test
  void imagesAreInTheRepository() throws Exception {
    String repository =
        value(
            block("storage.tf", "resource \"google_artifact_registry_repository\" \"beit2\""),
            "repository_id");
    String registry = "-docker.pkg.dev/PROJECT/" + repository + "/";
    assertEquals(
        "REGION" + registry + "flink:gpu",
        Manifests.ofOverlay("gpu").cluster().at("/spec/image").asText());
    String region = value(block("variables.tf", "variable \"region\""), "default");
    assertTrue(readme("templates/README.md").contains("IMAGE=" + region + registry));
  }

  @Test
  void eachTaskManagerFindsANodeWithAGpu() throws Exception {
    Manifests manifests = Manifests.ofOverlay("gpu");
    String pool = block("cluster.tf", "resource \"google_container_node_pool\" \"gpu\"");
    assertEquals(
        "cloud.google.com/gke-accelerator:" + value(pool, " type"),
        manifests.settings().get("kubernetes.taskmanager.node-selector"));
    assertEquals(
        manifests.settings().get("slotmanager.number-of-slots.max"),
        value(block("variables.tf", "variable \"gpu_nodes_max\""), "default"));
    // A g2-standard-N has N processors and 4 N GB; GKE keeps about a processor and 4 GB of the
    // smallest.
    int processors =
        Integer.parseInt(
            value(block("variables.tf", "variable \"gpu_machine_type\""), "default")
                .replace("g2-standard-", ""));
    assertTrue(manifests.taskManager().getCpuCores().getValue().intValue() <= processors - 1);
    assertTrue(
        manifests.taskManager().getTotalProcessMemorySize().getGibiBytes() <= 4 * processors - 4);
  }

  /** What is only needed for a time expires, and nothing else does. */
  @Test
  void shardsAndRunsStay() throws Exception {
    String bucket = block("storage.tf", "resource \"google_storage_bucket\" \"data\"");
    Set<String> expire = new TreeSet<>();
    Matcher rules =
        Pattern.compile("lifecycle_rule \\{\n(.*?)\n  }", Pattern.DOTALL).matcher(bucket);
    while (rules.find()) {
      if (value(rules.group(1), "type").equals("Delete")) {
        expire.add(only(rules.group(1), "matches_prefix = \\[\"([^\"]+/)\"]"));
      }
    }
    Manifests manifests = Manifests.ofOverlay("gpu");
    Set<String> temporary = new TreeSet<>();
    temporary.add(manifests.settings().get("high-availability.storageDir"));
    Set<String> kept = new TreeSet<>();
    manifests.launcher().stream()
        .filter(option -> option.contains("gs://"))
        .forEach(option -> kept.add(option.replaceFirst(".*=", "")));
    String commands = readme("infra/terraform/README.md") + readme("templates/README.md");
    Stream<MatchResult> paths =
        Pattern.compile("(--[a-z-]+)?[= ](gs://(?:\\$\\(out bucket\\)|BUCKET)/[a-z/.$A-Z]+)")
            .matcher(commands)
            .results();
    paths.forEach(
        path -> {
          boolean passing =
              Set.of("--staging-location", "--temp-location")
                  .contains(String.valueOf(path.group(1)));
          (passing ? temporary : kept).add(path.group(2));
        });
    assertEquals(expire, prefixes(temporary, expire));
    assertTrue(kept.size() >= 6, kept::toString);
    assertEquals(Set.of(), prefixes(kept, expire));
    assertEquals(3, temporary.size());
  }

  private static Set<String> prefixes(Set<String> paths, Set<String> prefixes) {
    Set<String> found = new TreeSet<>();
    for (String path : paths) {
      String object =
          path.replaceFirst("^gs://(\\$\\(out bucket\\)|[^/]+)/", "").replaceFirst("/?$", "/");
      prefixes.stream().filter(object::startsWith).forEach(found::add);
    }
    return found;
  }

  /** Each output is used, and each one used is there. */
  @Test
  void theCommandsUseTheOutputs() throws Exception {
    Set<String> made = names(Files.readString(FOLDER.resolve("outputs.tf")), "output \"(\\w+)\"");
    Set<String> used = names(readme("infra/terraform/README.md"), "\\$\\(out (\\w+)\\)");
    assertEquals(made, used);
    assertFalse(made.isEmpty());
  }

  /** Without the provider Terraform does not say so, and tflint and checkov pass over it. */
  @Test
  void whatIsReferredToIsDeclared() throws Exception {
    StringBuilder all = new StringBuilder();
    try (Stream<Path> files = Files.list(FOLDER)) {
      for (Path file : files.filter(name -> name.toString().endsWith(".tf")).toList()) {
        all.append(Files.readString(file));
      }
    }
    assertEquals(
        names(all.toString(), "variable \"(\\w+)\""), names(all.toString(), "\\bvar\\.(\\w+)"));
    Set<String> resources =
        names(all.toString().replace("\" \"", "."), "resource \"(\\w+\\.\\w+)\"");
    Set<String> used = names(all.toString(), "\\b(google_\\w+\\.\\w+)");
    assertTrue(resources.containsAll(used), () -> used + " of " + resources);
  }

  private static Set<String> names(String text, String pattern) {
    Set<String> names = new TreeSet<>();
    Pattern.compile(pattern).matcher(text).results().forEach(match -> names.add(match.group(1)));
    return names;
  }
}
