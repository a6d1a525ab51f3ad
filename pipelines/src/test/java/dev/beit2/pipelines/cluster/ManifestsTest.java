package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.beit2.pipelines.Beit2;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.train.TrainingOptions;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.flink.configuration.ConfigOption;
import org.apache.flink.configuration.JobManagerOptions;
import org.apache.flink.configuration.MemorySize;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.kubernetes.configuration.KubernetesConfigOptions;
import org.apache.flink.kubernetes.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Container;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Pod;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Quantity;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Toleration;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.jobmanager.JobManagerProcessUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What Flink and Kubernetes make of each overlay of infra/flink. */
final class ManifestsTest {
  private static final int MEGABYTE = 1 << 20;

  /** Classes that only Flink's image has, in its plugins. */
  private static final Set<String> IN_FLINKS_IMAGE =
      Set.of(
          "org.apache.flink.externalresource.gpu.GPUDriverFactory",
          "com.amazonaws.auth.WebIdentityTokenCredentialsProvider");

  /** Settings whose names Flink composes, or passes on to a plugin. */
  private static final Pattern COMPOSED =
      Pattern.compile(
          "metrics\\.reporter\\.prometheus\\.(factory\\.class|port)"
              + "|external-resource\\.gpu\\.(amount|kubernetes\\.config-key|driver-factory\\.class)"
              + "|fs\\.s3a\\.aws\\.credentials\\.provider");

  static List<String> overlays() throws IOException {
    try (Stream<Path> folders = Files.list(Manifests.FOLDER.resolve("overlays"))) {
      return folders.map(folder -> folder.getFileName().toString()).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void kubectlRendersWhatTheseTestsRead(String overlay) throws Exception {
    boolean present =
        Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(folder -> Files.isExecutable(Path.of(folder, "kubectl")));
    assumeTrue(present, "no kubectl on the PATH: what it renders was not compared");
    Process kubectl =
        new ProcessBuilder(
                "kubectl", "kustomize", Manifests.FOLDER.resolve("overlays/" + overlay).toString())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    String rendered = new String(kubectl.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, kubectl.waitFor());
    assertEquals(
        canonical(Manifests.objects(rendered)), canonical(Manifests.ofOverlay(overlay).objects()));
  }

  /** Text in which the order of lists does not matter. */
  private static Set<String> canonical(Iterable<JsonNode> nodes) {
    Set<String> texts = new TreeSet<>();
    nodes.forEach(node -> texts.add(canonical(node)));
    return texts;
  }

  private static String canonical(JsonNode node) {
    if (node.isArray()) {
      return canonical((Iterable<JsonNode>) node).toString();
    }
    if (node.isObject()) {
      Set<String> fields = new TreeSet<>();
      node.properties()
          .forEach(field -> fields.add(field.getKey() + ": " + canonical(field.getValue())));
      return fields.toString();
    }
    return node.toString();
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void thePodHasTheMemoryAndProcessorsOfTheManifest(String overlay) throws Exception {
    Manifests manifests = Manifests.ofOverlay(overlay);
    JsonNode wanted = manifests.cluster().at("/spec/taskManager/resource");
    Map<String, Quantity> limits = container(manifests.taskManagerPod()).getResources().getLimits();
    long bytes = MemorySize.parseBytes(wanted.get("memory").asText());
    assertEquals(bytes, Quantity.getAmountInBytes(limits.get("memory")).longValueExact());
    assertEquals(
        wanted.get("cpu").asDouble(), limits.get("cpu").getNumericalAmount().doubleValue());
  }

  private static Container container(Pod pod) {
    assertEquals(1, pod.getSpec().getContainers().size());
    return pod.getSpec().getContainers().get(0);
  }

  /** The kernel ends a pod that takes more than its limit, so tensors have to be inside. */
  @ParameterizedTest
  @MethodSource("overlays")
  void theMemoryOfTensorsIsInsideThatOfThePod(String overlay) throws Exception {
    Manifests manifests = Manifests.ofOverlay(overlay);
    TaskExecutorProcessSpec memory = manifests.taskManager();
    long all =
        Quantity.getAmountInBytes(
                container(manifests.taskManagerPod()).getResources().getLimits().get("memory"))
            .longValueExact();
    assertEquals(all, memory.getTotalProcessMemorySize().getBytes());
    assertTrue(memory.getTaskOffHeapSize().getBytes() >= all / 3, memory::toString);
    // What docs/cluster.md asks for.
    assertTrue(memory.getManagedMemorySize().getBytes() >= 1024L * MEGABYTE, memory::toString);
    assertTrue(memory.getTaskHeapSize().getBytes() >= 768L * MEGABYTE, memory::toString);
    assertEquals(1, memory.getNumSlots());
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void theJobManagerHasEnoughMemoryForItsParts(String overlay) throws Exception {
    Manifests manifests = Manifests.ofOverlay(overlay);
    long heap =
        JobManagerProcessUtils.processSpecFromConfigWithNewOptionToInterpretLegacyHeap(
                manifests.configuration(), JobManagerOptions.JVM_HEAP_MEMORY)
            .getJvmHeapMemorySize()
            .getBytes();
    assertTrue(heap >= 768L * MEGABYTE, () -> heap + " bytes");
  }

  @ParameterizedTest
  @ValueSource(strings = {"gpu", "aws-s3"})
  void thePodHasAGpuAndGoesWhereGpusAre(String overlay) throws Exception {
    Pod pod = Manifests.ofOverlay(overlay).taskManagerPod();
    assertEquals(
        Quantity.parse("1"), container(pod).getResources().getLimits().get("nvidia.com/gpu"));
    Toleration toleration = pod.getSpec().getTolerations().get(0);
    assertEquals("nvidia.com/gpu", toleration.getKey());
    assertEquals("Exists", toleration.getOperator());
    assertEquals("NoSchedule", toleration.getEffect());
    assertEquals(
        overlay.equals("gpu")
            ? Map.of("cloud.google.com/gke-accelerator", "nvidia-l4")
            : Map.of("node.kubernetes.io/instance-type", "g6.2xlarge"),
        pod.getSpec().getNodeSelector());
    assertTrue(container(pod).getImage().endsWith(":gpu"), container(pod).getImage());
  }

  @Test
  void withoutGpusThePodGoesAnywhere() throws Exception {
    Pod pod = Manifests.ofOverlay("cpu-dev").taskManagerPod();
    assertEquals(Set.of("cpu", "memory"), container(pod).getResources().getLimits().keySet());
    assertEquals(List.of(), pod.getSpec().getTolerations());
    assertEquals(Map.of(), pod.getSpec().getNodeSelector());
    assertEquals("beit2-flink:cpu", container(pod).getImage());
    assertTrue(
        container(pod).getVolumeMounts().stream()
            .anyMatch(mount -> mount.getMountPath().equals("/data")));
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void podsAreNotRootAndAreTheBudgetsAndFences(String overlay) throws Exception {
    Manifests manifests = Manifests.ofOverlay(overlay);
    Pod pod = manifests.taskManagerPod();
    assertTrue(pod.getSpec().getSecurityContext().getRunAsNonRoot());
    assertEquals(9999, pod.getSpec().getSecurityContext().getRunAsUser());
    assertEquals("beit2", pod.getSpec().getServiceAccountName());
    Map<String, String> labels = pod.getMetadata().getLabels();
    assertEquals("beit2", labels.get("app"));
    assertEquals("taskmanager", labels.get("component"));
    assertEquals("beit2", labels.get("app.kubernetes.io/part-of"));
    JsonNode fence = manifests.only("NetworkPolicy");
    assertEquals(labels.get("app"), fence.at("/spec/podSelector/matchLabels/app").asText());
    assertEquals(
        labels.get("app.kubernetes.io/part-of"),
        manifests
            .only("Job")
            .at("/spec/template/metadata/labels/app.kubernetes.io~1part-of")
            .asText());
    assertEquals(
        labels.get("app"),
        manifests.only("PodDisruptionBudget").at("/spec/selector/matchLabels/app").asText());
  }

  /** The launcher's options are accepted, and there is a slot for each of its workers. */
  @ParameterizedTest
  @MethodSource("overlays")
  void theLauncherFindsItsClusterAndASlotForEachWorker(String overlay) throws Exception {
    Manifests manifests = Manifests.ofOverlay(overlay);
    List<String> args = manifests.launcher();
    Command<?> command =
        Beit2.COMMANDS.stream()
            .filter(known -> known.name().equals(args.get(0)))
            .findAny()
            .orElseThrow();
    TrainingOptions options =
        (TrainingOptions)
            CommandLine.parse(command, args.subList(1, args.size()).toArray(String[]::new));
    Map<String, String> settings = manifests.settings();
    String workers = Integer.toString(options.getWorkers());
    assertEquals(workers, settings.get("slotmanager.number-of-slots.min"));
    assertEquals(workers, settings.get("slotmanager.number-of-slots.max"));
    assertEquals(
        "%s-rest:%d"
            .formatted(
                manifests.configuration().get(KubernetesConfigOptions.CLUSTER_ID),
                RestOptions.PORT.defaultValue()),
        FlinkTarget.of(options).master());
  }

  @Test
  void settingsAreThoseOfTheLocalClusterAndTheBuild() throws Exception {
    Map<String, String> settings = Manifests.ofOverlay("gpu").settings();
    assertEquals(
        String.join(";", LocalCluster.PARENT_FIRST),
        settings.get("classloader.parent-first-patterns.additional"));
    String java = settings.get("env.java.opts.all");
    Matcher opens =
        Pattern.compile("<jvm\\.opens>(.*)</jvm\\.opens>")
            .matcher(Files.readString(Path.of("../pom.xml")));
    assertTrue(opens.find());
    for (String option : opens.group(1).split(" ")) {
      assertTrue((java + " ").contains(option + " "), option);
      assertTrue(
          Files.readString(Manifests.FOLDER.resolve("beit2")).contains(option + " "), option);
    }
    assertEquals("true", settings.get("web.cancel.enable"));
  }

  /** Flink says nothing of a setting that it does not know. */
  @ParameterizedTest
  @MethodSource("overlays")
  void flinkKnowsEachSetting(String overlay) throws Exception {
    Set<String> known = knownSettings();
    List<String> unknown =
        Manifests.ofOverlay(overlay).settings().keySet().stream()
            .filter(name -> !known.contains(name) && !COMPOSED.matcher(name).matches())
            .toList();
    assertEquals(List.of(), unknown);
    assertTrue(known.size() > 300, () -> known.size() + " settings");
  }

  /** Names of the settings that Flink's classes declare. */
  private static Set<String> knownSettings() throws Exception {
    Set<String> known = new HashSet<>();
    for (String jar : System.getProperty("java.class.path").split(File.pathSeparator)) {
      if (!Path.of(jar).getFileName().toString().matches("flink-(core|runtime|kubernetes)-.*jar")) {
        continue;
      }
      List<String> classes = new ArrayList<>();
      try (JarFile file = new JarFile(jar)) {
        file.stream()
            .map(entry -> entry.getName())
            .filter(name -> name.matches("org/apache/flink/\\w+/(\\w+/)?\\w+Options\\.class"))
            .forEach(name -> classes.add(name.replace('/', '.').replace(".class", "")));
      }
      for (String name : classes) {
        for (Field field : Class.forName(name).getFields()) {
          if (field.getType() == ConfigOption.class) {
            known.add(((ConfigOption<?>) field.get(null)).key());
          }
        }
      }
    }
    return known;
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void eachClassThatASettingNamesExists(String overlay) throws Exception {
    List<String> names =
        Manifests.ofOverlay(overlay).settings().values().stream()
            .filter(value -> value.matches("([a-z0-9]+\\.)+[A-Z]\\w+"))
            .toList();
    assertFalse(names.isEmpty());
    for (String name : names) {
      if (!IN_FLINKS_IMAGE.contains(name)) {
        Class.forName(name, false, getClass().getClassLoader());
      }
    }
  }
}
