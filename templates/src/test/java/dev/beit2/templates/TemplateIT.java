package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.api.services.dataflow.model.WorkerPool;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.beam.model.pipeline.v1.RunnerApi;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A template from its metadata to its job: gcloud makes the spec and asks for the launch, and what
 * the image holds is started as Google's launcher starts it. Only Google's services are missing: a
 * bucket and a service on the loopback device take their places.
 */
@Tag("slow")
final class TemplateIT {
  private static final String IMAGE =
      "europe-west4-docker.pkg.dev/a-project/beit2/tokenize-dataset:1";
  private static final String GPU = "type:nvidia-l4;count:1;install-nvidia-driver";
  private static final Template TEMPLATE = Template.TOKENIZE_DATASET;

  @TempDir static Path dir;
  private static Bucket bucket;

  @BeforeAll
  static void tokenizeOnThisDisk() throws IOException {
    bucket = new Bucket();
    Photographs.upload(bucket);
    Photographs.copy(dir.resolve("images"));
    run(
        TrainTokenizer.COMMAND,
        "--input=" + dir.resolve("images"),
        "--output=" + dir.resolve("tokenizer"),
        "--preset=tiny",
        "--batchSize=2",
        "--codebookSize=16",
        "--steps=1");
    run(
        TokenizeDataset.COMMAND,
        "--input=" + dir.resolve("images"),
        "--tokenizer=" + dir.resolve("tokenizer"),
        "--output=" + dir.resolve("shards"),
        "--views=2",
        "--shardCount=2");
    files("tokenizer").forEach((name, content) -> bucket.objects.put("tokenizer/" + name, content));
  }

  /** Parameters of a launch. */
  private static List<String> parameters(String output) {
    return List.of(
        "input=" + Bucket.path("images"),
        "tokenizer=" + Bucket.path("tokenizer"),
        "output=" + Bucket.path(output),
        "views=2",
        "shardCount=2");
  }

  private static List<String> arguments(String output) {
    return parameters(output).stream().map(parameter -> "--" + parameter).toList();
  }

  @AfterAll
  static void stop() {
    bucket.close();
  }

  private static void run(Command<?> command, String... args) {
    assertEquals(CommandLine.OK, CommandLine.run(command, args, System.out, System.err));
  }

  private static SortedMap<String, byte[]> files(String folder) throws IOException {
    SortedMap<String, byte[]> files = new TreeMap<>();
    try (Stream<Path> walk = Files.walk(dir.resolve(folder))) {
      for (Path file : walk.filter(Files::isRegularFile).toList()) {
        files.put(
            dir.resolve(folder).relativize(file).toString().replace(File.separatorChar, '/'),
            Files.readAllBytes(file));
      }
    }
    return files;
  }

  /** Runs gcloud without an account. */
  private static String gcloud(String... args) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("gcloud", "dataflow", "flex-template"));
    command.addAll(List.of(args));
    ProcessBuilder gcloud = new ProcessBuilder(command);
    gcloud
        .environment()
        .putAll(
            Map.of(
                "CLOUDSDK_CONFIG", dir.resolve("gcloud").toString(),
                "CLOUDSDK_AUTH_DISABLE_CREDENTIALS", "true",
                "CLOUDSDK_CORE_PROJECT", "a-project",
                "CLOUDSDK_CORE_DISABLE_PROMPTS", "1",
                "CLOUDSDK_API_ENDPOINT_OVERRIDES_DATAFLOW", bucket.url()));
    gcloud.redirectError(dir.resolve("gcloud.log").toFile());
    return Processes.said(gcloud);
  }

  private static boolean hasGcloud() {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .anyMatch(folder -> Files.isExecutable(Path.of(folder, "gcloud")));
  }

  @Test
  void gcloudLaunchesAJob() throws Exception {
    assumeTrue(hasGcloud(), "found no gcloud; install Google's SDK to test the templates with it");
    String spec = Bucket.path("templates/tokenize-dataset.json");
    String built =
        gcloud(
            "build",
            spec,
            "--image=" + IMAGE,
            "--sdk-language=JAVA",
            "--metadata-file=" + TEMPLATE.word() + "/" + TemplateMetadata.FILE,
            "--print-only");
    bucket.objects.put(
        "templates/tokenize-dataset.json",
        built.substring(built.indexOf('{'), built.lastIndexOf('}') + 1).getBytes(UTF_8));

    Image image = Image.of(TEMPLATE);
    Service service = new Service(bucket, Map.of(IMAGE, image));
    bucket.serve("/v1b3/projects/a-project/locations/europe-west4/flexTemplates:launch", service);
    gcloud(
        "run",
        "tokenize-1",
        "--template-file-gcs-location=" + spec,
        "--region=europe-west4",
        "--staging-location=" + Bucket.path("staging"),
        "--temp-location=" + Bucket.path("tmp"),
        "--worker-machine-type=g2-standard-8",
        "--num-workers=2",
        "--additional-experiments=use_runner_v2",
        "--additional-pipeline-options="
            + String.join(
                ",",
                "sdkContainerImage=" + IMAGE,
                "dataflowServiceOptions=worker_accelerator=" + GPU,
                "resourceHints=accelerator=" + GPU,
                // Google's own bucket and credentials otherwise.
                "gcsEndpoint=" + bucket.gcsEndpoint(),
                "credentialFactoryClass="
                    + "org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory"),
        "--parameters=" + String.join(",", parameters("launched")));
    assertTrue(
        service.arguments().containsAll(arguments("launched")), service.arguments()::toString);
    checkJob();
  }

  @Test
  void anotherRunnerOfTheSameJarWritesTheSameShards() throws Exception {
    List<String> arguments = new ArrayList<>(arguments("shards"));
    arguments.add("--gcsEndpoint=" + bucket.gcsEndpoint());
    arguments.add("--runner=FlinkRunner");
    Image.of(TEMPLATE).run(arguments);
    SortedMap<String, byte[]> wanted = files("shards");
    wanted.keySet().removeIf(name -> !name.matches("shard-.*|manifest.json|class_to_idx.json"));
    assertEquals(4, wanted.size(), wanted::toString);
    wanted.forEach(
        (name, content) ->
            assertArrayEquals(content, bucket.at(Bucket.path("shards/" + name)), name));
  }

  private static void checkJob() throws IOException {
    JobRequest job = JobRequest.read(bucket, Bucket.path("staging/template_launches/job_object"));
    assertEquals("tokenize-1", job.name());
    assertTrue(job.hasTransform("Encode views"), job::transforms);
    assertTrue(job.hasTransform("Write shards"), job::transforms);
    var environment = job.job().getEnvironment();
    assertEquals(List.of("worker_accelerator=" + GPU), environment.getServiceOptions());
    assertTrue(environment.getExperiments().contains("use_runner_v2"));
    WorkerPool workers = environment.getWorkerPools().get(0);
    assertEquals("g2-standard-8", workers.getMachineType());
    assertEquals(2, workers.getNumWorkers());
    assertEquals(
        List.of(IMAGE),
        workers.getSdkHarnessContainerImages().stream().map(i -> i.getContainerImage()).toList());
    assertEquals(Bucket.path("images"), job.options().get("input"));
    assertEquals(2, ((Number) job.options().get("views")).intValue());
    String staged = workers.getPackages().get(0).getLocation();
    assertTrue(staged.contains("beit2-dataflow"), staged);
    assertTrue(
        job.pipeline().getComponents().getEnvironmentsMap().values().stream()
            .map(RunnerApi.Environment::getResourceHintsMap)
            .anyMatch(
                hints ->
                    hints.containsKey("beam:resources:accelerator:v1")
                        && hints.get("beam:resources:accelerator:v1").toStringUtf8().equals(GPU)),
        job.pipeline().getComponents().getEnvironmentsMap()::toString);
  }
}
