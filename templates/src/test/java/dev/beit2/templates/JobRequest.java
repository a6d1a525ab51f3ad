package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.api.client.json.gson.GsonFactory;
import com.google.api.services.dataflow.model.Job;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.apache.beam.model.pipeline.v1.RunnerApi;

/**
 * A job as Dataflow would start it: the file {@code job_object}, and the pipeline that it refers
 * to.
 */
record JobRequest(Job job, RunnerApi.Pipeline pipeline) {
  static JobRequest read(Bucket bucket, String path) throws IOException {
    Job job =
        GsonFactory.getDefaultInstance().fromString(new String(bucket.at(path), UTF_8), Job.class);
    return new JobRequest(
        job, RunnerApi.Pipeline.parseFrom(bucket.at(options(job).get("pipelineUrl").toString())));
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> options(Job job) {
    return (Map<String, Object>) job.getEnvironment().getSdkPipelineOptions().get("options");
  }

  String name() {
    return job.getName();
  }

  /** The options that the workers will read. */
  Map<String, Object> options() {
    return options(job);
  }

  /** Whether a transform has this name, or begins with it and a slash. */
  boolean hasTransform(String name) {
    return names().stream().anyMatch(n -> n.equals(name) || n.startsWith(name + "/"));
  }

  String transforms() {
    return names().toString();
  }

  private List<String> names() {
    return pipeline.getComponents().getTransformsMap().values().stream()
        .map(RunnerApi.PTransform::getUniqueName)
        .sorted()
        .toList();
  }
}
