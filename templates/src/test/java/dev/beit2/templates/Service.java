package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.dataflow.v1beta3.ContainerSpec;
import com.google.dataflow.v1beta3.FlexTemplateRuntimeEnvironment;
import com.google.dataflow.v1beta3.LaunchFlexTemplateParameter;
import com.google.dataflow.v1beta3.LaunchFlexTemplateRequest;
import com.google.dataflow.v1beta3.ParameterMetadata;
import com.google.protobuf.util.JsonFormat;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The side of Dataflow's service that launches templates: it reads the spec in the bucket, checks
 * the parameters by its metadata, and starts the launcher of the image.
 */
final class Service implements Bucket.Service {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final Bucket bucket;
  private final Map<String, Image> images;
  private List<String> arguments;

  /**
   * @param images by the names under which they would be in a registry
   */
  Service(Bucket bucket, Map<String, Image> images) {
    this.bucket = bucket;
    this.images = images;
  }

  /** The parameters and options of the last launch, without those of the launch itself. */
  List<String> arguments() {
    return arguments;
  }

  @Override
  public String answer(String request) throws IOException {
    ObjectNode json = (ObjectNode) JSON.readTree(request);
    ObjectNode environment = (ObjectNode) json.at("/launchParameter/environment");
    List<String> options = new ArrayList<>();
    // Newer than Google's published messages.
    if (environment.has("additionalPipelineOptions")) {
      environment.remove("additionalPipelineOptions").forEach(o -> options.add("--" + o.asText()));
    }
    LaunchFlexTemplateRequest.Builder message = LaunchFlexTemplateRequest.newBuilder();
    JsonFormat.parser().merge(json.toString(), message);
    LaunchFlexTemplateParameter launch = message.getLaunchParameter();
    ContainerSpec.Builder spec = ContainerSpec.newBuilder();
    JsonFormat.parser().merge(new String(bucket.at(launch.getContainerSpecGcsPath()), UTF_8), spec);
    check(spec.build(), launch.getParametersMap());
    options.addAll(options(launch.getEnvironment()));
    new TreeMap<>(launch.getParametersMap())
        .forEach((name, value) -> options.add("--" + name + "=" + value));
    arguments = List.copyOf(options);
    options.addAll(
        List.of(
            "--runner=DataflowRunner",
            "--project=a-project",
            "--region=europe-west4",
            "--jobName=" + launch.getJobName(),
            "--templateLocation=" + Bucket.path("staging/template_launches/job_object")));
    try {
      images.get(spec.getImage()).run(options);
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
    return "{\"job\":{\"id\":\"1\",\"name\":\"%s\"}}".formatted(launch.getJobName());
  }

  private static void check(ContainerSpec spec, Map<String, String> given) {
    Map<String, ParameterMetadata> known =
        spec.getMetadata().getParametersList().stream()
            .collect(Collectors.toMap(ParameterMetadata::getName, Function.identity()));
    if (!known.keySet().containsAll(given.keySet())) {
      throw new IllegalArgumentException("not all in the metadata: " + given);
    }
    known.forEach(
        (name, parameter) -> {
          String value = given.get(name);
          if (value == null ? !parameter.getIsOptional() : !matches(value, parameter)) {
            throw new IllegalArgumentException(name + "=" + value);
          }
        });
  }

  private static boolean matches(String value, ParameterMetadata parameter) {
    return parameter.getRegexesList().stream().allMatch(value::matches);
  }

  /** What the launcher makes of the environment. */
  private static List<String> options(FlexTemplateRuntimeEnvironment environment) {
    List<String> options = new ArrayList<>();
    options.add("--workerMachineType=" + environment.getMachineType());
    options.add("--numWorkers=" + environment.getNumWorkers());
    options.add("--stagingLocation=" + environment.getStagingLocation());
    options.add("--tempLocation=" + environment.getTempLocation());
    options.add("--experiments=" + String.join(",", environment.getAdditionalExperimentsList()));
    return options;
  }
}
