package dev.beit2.pipelines.cluster;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.StreamSupport;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.kubernetes.configuration.KubernetesConfigOptions;
import org.apache.flink.kubernetes.kubeclient.FlinkPod;
import org.apache.flink.kubernetes.kubeclient.factory.KubernetesTaskManagerFactory;
import org.apache.flink.kubernetes.kubeclient.parameters.KubernetesTaskManagerParameters;
import org.apache.flink.kubernetes.shaded.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.kubernetes.shaded.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.kubernetes.shaded.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.kubernetes.shaded.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Container;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Pod;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.PodBuilder;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.client.utils.Serialization;
import org.apache.flink.kubernetes.shaded.io.fabric8.zjsonpatch.JsonPatch;
import org.apache.flink.kubernetes.utils.Constants;
import org.apache.flink.kubernetes.utils.KubernetesUtils;
import org.apache.flink.runtime.clusterframework.ContaineredTaskManagerParameters;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessSpec;
import org.apache.flink.runtime.clusterframework.TaskExecutorProcessUtils;
import org.apache.flink.runtime.externalresource.ExternalResourceUtils;
import org.apache.flink.runtime.util.config.memory.ProcessMemoryUtils;

/**
 * An overlay of {@code infra/flink}, rendered without kustomize as far as these files use it, and
 * the pod of a TaskManager, made by Flink's own code.
 */
record Manifests(List<JsonNode> objects) {
  static final Path FOLDER = Path.of("../infra/flink");

  private static final ObjectMapper YAML = Serialization.yamlMapper();
  private static final Set<String> KNOWN =
      Set.of(
          "apiVersion", "kind", "resources", "components", "images", "patches", "configurations");

  static Manifests ofOverlay(String name) throws IOException {
    return new Manifests(render(FOLDER.resolve("overlays").resolve(name)));
  }

  /** The objects in a text of YAML documents. */
  static List<JsonNode> objects(String yaml) throws IOException {
    try (var documents = YAML.readerFor(JsonNode.class).<JsonNode>readValues(yaml)) {
      return new ArrayList<>(documents.readAll());
    }
  }

  private static JsonNode read(Path file) throws IOException {
    return YAML.readTree(Files.readString(file));
  }

  private static List<JsonNode> render(Path folder) throws IOException {
    JsonNode kustomization = read(folder.resolve("kustomization.yaml"));
    List<JsonNode> objects = new ArrayList<>();
    for (JsonNode resource : kustomization.path("resources")) {
      Path path = folder.resolve(resource.asText());
      objects.addAll(Files.isDirectory(path) ? render(path) : objects(Files.readString(path)));
    }
    for (JsonNode component : kustomization.path("components")) {
      Path path = folder.resolve(component.asText());
      patch(objects, path, read(path.resolve("kustomization.yaml")));
    }
    patch(objects, folder, kustomization);
    for (JsonNode image : kustomization.path("images")) {
      String name = image.get("newName").asText() + ":" + image.get("newTag").asText();
      objects.forEach(object -> replaceImage(object, image.get("name").asText(), name));
    }
    return objects;
  }

  private static void patch(List<JsonNode> objects, Path folder, JsonNode kustomization)
      throws IOException {
    for (Iterator<String> names = kustomization.fieldNames(); names.hasNext(); ) {
      String name = names.next();
      if (!KNOWN.contains(name)) {
        throw new IOException(folder + ": this test does not know " + name);
      }
    }
    for (JsonNode entry : kustomization.path("patches")) {
      JsonNode patch = read(folder.resolve(entry.get("path").asText()));
      JsonNode target = entry.path("target");
      String kind =
          target.isMissingNode() ? patch.get("kind").asText() : target.get("kind").asText();
      JsonNode object = only(objects, kind);
      int at = objects.indexOf(object);
      objects.set(
          at, patch.isArray() ? JsonPatch.apply(patch, object) : merged(object, patch, kind));
    }
  }

  /** Lists of a kind that Kubernetes knows are merged by the names in them, others replaced. */
  private static JsonNode merged(JsonNode old, JsonNode patch, String kind) {
    if (old instanceof ArrayNode array && patch.isArray() && named(patch) && !isCustom(kind)) {
      ArrayNode result = array.deepCopy();
      for (JsonNode element : patch) {
        int same = -1;
        for (int i = 0; i < array.size(); i++) {
          if (array.get(i).path("name").equals(element.path("name"))) {
            same = i;
          }
        }
        if (same >= 0) {
          result.set(same, merged(array.get(same), element, kind));
        } else {
          result.add(element);
        }
      }
      return result;
    }
    if (!(old instanceof ObjectNode object) || !patch.isObject()) {
      return patch;
    }
    ObjectNode result = object.deepCopy();
    for (Map.Entry<String, JsonNode> field : patch.properties()) {
      JsonNode before = object.get(field.getKey());
      result.set(
          field.getKey(),
          before == null ? field.getValue() : merged(before, field.getValue(), kind));
    }
    return result;
  }

  private static boolean isCustom(String kind) {
    return kind.equals("FlinkDeployment");
  }

  private static boolean named(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false).allMatch(element -> element.has("name"));
  }

  private static void replaceImage(JsonNode object, String name, String image) {
    for (JsonNode holder : object.findParents("image")) {
      if (holder.get("image").asText().equals(name)) {
        ((ObjectNode) holder).put("image", image);
      }
    }
  }

  private static JsonNode only(List<JsonNode> objects, String kind) throws IOException {
    List<JsonNode> found =
        objects.stream().filter(object -> object.get("kind").asText().equals(kind)).toList();
    if (found.size() != 1) {
      throw new IOException("found %d objects %s; wanted one".formatted(found.size(), kind));
    }
    return found.get(0);
  }

  JsonNode only(String kind) throws IOException {
    return only(objects, kind);
  }

  JsonNode cluster() throws IOException {
    return only("FlinkDeployment");
  }

  /** The settings of Flink that the cluster gives. */
  Map<String, String> settings() throws IOException {
    Map<String, String> settings = new TreeMap<>();
    cluster()
        .at("/spec/flinkConfiguration")
        .properties()
        .forEach(setting -> settings.put(setting.getKey(), setting.getValue().asText()));
    return settings;
  }

  /** Arguments of the launcher, beginning with the command's name. */
  List<String> launcher() throws IOException {
    JsonNode args = only("Job").at("/spec/template/spec/containers/0/args");
    return StreamSupport.stream(args.spliterator(), false).map(JsonNode::asText).toList();
  }

  /** Flink's configuration as the operator completes it from the rest of the object. */
  Configuration configuration() throws IOException {
    JsonNode spec = cluster().get("spec");
    Configuration configuration = new Configuration();
    settings().forEach(configuration::setString);
    configuration.setString("kubernetes.cluster-id", cluster().at("/metadata/name").asText());
    configuration.setString("kubernetes.container.image.ref", spec.get("image").asText());
    configuration.setString("kubernetes.service-account", spec.get("serviceAccount").asText());
    for (String part : List.of("jobManager", "taskManager")) {
      String name = part.toLowerCase(Locale.ROOT);
      JsonNode resource = spec.at("/" + part + "/resource");
      configuration.setString(name + ".memory.process.size", resource.get("memory").asText());
      configuration.setString("kubernetes." + name + ".cpu", resource.get("cpu").asText());
    }
    configuration.setString("$internal.deployment.config-dir", "no-such-folder");
    // As Flink itself does when it starts a cluster.
    KubernetesUtils.checkAndUpdatePortConfigOption(
        configuration, TaskManagerOptions.RPC_PORT, Constants.TASK_MANAGER_RPC_PORT);
    return configuration;
  }

  /** How Flink divides a TaskManager's memory. */
  TaskExecutorProcessSpec taskManager() throws IOException {
    Configuration configuration = configuration();
    return TaskExecutorProcessUtils.newProcessSpecBuilder(configuration)
        .withCpuCores(configuration.getDouble(KubernetesConfigOptions.TASK_MANAGER_CPU))
        .build();
  }

  /** The pod of a TaskManager. */
  Pod taskManagerPod() throws IOException {
    Configuration configuration = configuration();
    KubernetesTaskManagerParameters parameters =
        new KubernetesTaskManagerParameters(
            configuration,
            "beit2-taskmanager-1-1",
            TaskExecutorProcessUtils.generateDynamicConfigsStr(taskManager()),
            ProcessMemoryUtils.generateJvmParametersStr(taskManager()),
            ContaineredTaskManagerParameters.create(configuration, taskManager()),
            ExternalResourceUtils.getExternalResourceConfigurationKeys(
                configuration,
                KubernetesConfigOptions.EXTERNAL_RESOURCE_KUBERNETES_CONFIG_KEY_SUFFIX),
            Set.of());
    return KubernetesTaskManagerFactory.buildTaskManagerKubernetesPod(podTemplate(), parameters)
        .getInternalResource();
  }

  private FlinkPod podTemplate() throws IOException {
    Pod pod = Serialization.unmarshal(cluster().at("/spec/podTemplate").toString(), Pod.class);
    List<Container> others = new ArrayList<>(pod.getSpec().getContainers());
    Optional<Container> main =
        others.stream()
            .filter(container -> container.getName().equals(Constants.MAIN_CONTAINER_NAME))
            .findAny();
    others.remove(main.orElseThrow());
    return new FlinkPod(
        new PodBuilder(pod).editSpec().withContainers(others).endSpec().build(), main.get());
  }
}
