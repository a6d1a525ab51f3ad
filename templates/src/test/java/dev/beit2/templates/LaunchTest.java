package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.ExtractFeatures;
import dev.beit2.pipelines.eval.LinearProbing;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;

/**
 * What a launch of each template makes: a job, which the test reads, and what it leaves in the
 * bucket for the job. Between the launches the same commands run, on the Flink inside this JVM.
 */
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
@Tag("slow")
final class LaunchTest {
  private static Bucket bucket;

  @BeforeAll
  static void uploadImages() throws IOException {
    bucket = new Bucket();
    Photographs.upload(bucket);
  }

  @AfterAll
  static void stop() {
    bucket.close();
  }

  private record Ended(int code, String said) {}

  private static Ended run(Command<?> command, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.add("--gcsEndpoint=" + bucket.url().replaceFirst("/$", ""));
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    PrintStream out = new PrintStream(said, true, UTF_8);
    int code = CommandLine.run(command, all.toArray(String[]::new), out, out);
    return new Ended(code, said.toString(UTF_8));
  }

  private static Ended launch(Command<?> command, String... args) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(
        List.of(
            "--templateLocation=" + Bucket.path("staging/" + command.name() + "/job_object"),
            "--jobName=a-job",
            "--project=a-project",
            "--region=europe-west4",
            "--tempLocation=" + Bucket.path("tmp"),
            "--stagingLocation=" + Bucket.path("staging"),
            "--filesToStage=pom.xml"));
    return run(command, all.toArray(String[]::new));
  }

  private static JobRequest launched(Command<?> command, String... args) throws IOException {
    Ended ended = launch(command, args);
    assertEquals(CommandLine.OK, ended.code(), ended.said());
    Set<String> held =
        bucket.objects.keySet().stream()
            .filter(name -> name.endsWith(".hold.json"))
            .collect(Collectors.toSet());
    assertEquals(Set.of(), held);
    return JobRequest.read(bucket, Bucket.path("staging/" + command.name() + "/job_object"));
  }

  private static void refused(String said, Command<?> command, String... args) {
    Ended ended = launch(command, args);
    assertEquals(CommandLine.INVALID, ended.code(), ended.said());
    assertTrue(ended.said().contains(said), ended.said());
  }

  private static void ran(Command<?> command, String... args) {
    Ended ended = run(command, args);
    assertEquals(CommandLine.OK, ended.code(), ended.said());
  }

  private static String[] with(String[] args, String... more) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }

  private static final String[] TRAIN_TOKENIZER = {
    "--input=" + Bucket.path("images"),
    "--output=" + Bucket.path("tokenizer"),
    "--preset=tiny",
    "--batchSize=2",
    "--codebookSize=16",
    "--steps=2",
    "--checkpointEvery=1"
  };
  private static final String[] TOKENIZE = {
    "--input=" + Bucket.path("images"),
    "--tokenizer=" + Bucket.path("tokenizer"),
    "--output=" + Bucket.path("shards"),
    "--views=2"
  };
  private static final String[] PRETRAIN = {
    "--shards=" + Bucket.path("shards"),
    "--output=" + Bucket.path("pretrain"),
    "--preset=tiny",
    "--batchSize=2",
    "--steps=4",
    "--checkpointEvery=2"
  };
  private static final String[] EXTRACT = {
    "--input=" + Bucket.path("images"),
    "--backbone=" + Bucket.path("pretrain"),
    "--output=" + Bucket.path("features")
  };
  private static final String[] EVALUATE = {
    "--train=" + Bucket.path("features"),
    "--output=" + Bucket.path("evaluation"),
    "--leaveOneOut=true",
    "--k=1"
  };

  @Test
  @Order(1)
  void trainTokenizerLaunchesTheNextRounds() throws IOException {
    JobRequest job = launched(TrainTokenizer.COMMAND, with(TRAIN_TOKENIZER, "--roundsPerJob=1"));
    assertTrue(job.hasTransform("Round to step 1/Local steps"), job::transforms);
    assertTrue(job.hasTransform("Round to step 1/Commit"), job::transforms);
    assertFalse(job.hasTransform("Round to step 2"), job::transforms);
    assertEquals("a-job", job.name());
    // Workers read it when the launcher has gone.
    assertTrue(bucket.objects.containsKey("tokenizer/.images.index"), bucket.objects::toString);
    ran(TrainTokenizer.COMMAND, TRAIN_TOKENIZER);
    refused("all 2 steps done", TrainTokenizer.COMMAND, TRAIN_TOKENIZER);
  }

  @Test
  @Order(2)
  void tokenizeLaunchesOneJobThatWritesItsManifest() throws IOException {
    JobRequest job = launched(TokenizeDataset.COMMAND, TOKENIZE);
    for (String name : List.of("Read images", "Encode views", "Write shards", "Write rejected")) {
      assertTrue(job.hasTransform(name), job::transforms);
    }
    assertTrue(bucket.objects.containsKey("shards/config.json"));
    assertFalse(bucket.objects.containsKey("shards/manifest.json"));
    ran(TokenizeDataset.COMMAND, TOKENIZE);
    assertTrue(bucket.objects.containsKey("shards/manifest.json"));
    refused("all 4 images in shards", TokenizeDataset.COMMAND, TOKENIZE);
  }

  @Test
  @Order(3)
  void pretrainGoesOnFromTheLastCheckpoint() throws IOException {
    JobRequest first =
        launched(PretrainMim.COMMAND, with(PRETRAIN, "--roundsPerJob=1", "--workers=2"));
    assertTrue(first.hasTransform("Round to step 2/Average"), first::transforms);
    assertFalse(first.hasTransform("Round to step 4"), first::transforms);
    ran(PretrainMim.COMMAND, with(PRETRAIN, "--roundsPerJob=1"));
    refused("all 4 steps done", PretrainMim.COMMAND, PRETRAIN);
    bucket.objects.keySet().removeIf(name -> name.startsWith("pretrain/checkpoints/step-000004"));
    JobRequest second = launched(PretrainMim.COMMAND, PRETRAIN);
    assertFalse(second.hasTransform("Round to step 2"), second::transforms);
    assertTrue(second.hasTransform("Round to step 4/Commit"), second::transforms);
  }

  @Test
  @Order(4)
  void featuresAndTheirMeasureAreAJobEach() throws IOException {
    JobRequest extract = launched(ExtractFeatures.COMMAND, EXTRACT);
    assertTrue(extract.hasTransform("Features/Extract"), extract::transforms);
    assertTrue(extract.hasTransform("Write features"), extract::transforms);
    refused("no features in it", Evaluate.COMMAND, EVALUATE);
    ran(ExtractFeatures.COMMAND, EXTRACT);
    refused("the features of all 4 images", ExtractFeatures.COMMAND, EXTRACT);
    JobRequest evaluate = launched(Evaluate.COMMAND, EVALUATE);
    assertTrue(evaluate.hasTransform("Classify"), evaluate::transforms);
    assertTrue(evaluate.hasTransform("Write"), evaluate::transforms);
    assertFalse(bucket.objects.containsKey("evaluation/evaluation.json"));
  }

  @Test
  void whatAJobCannotDoIsRefused() {
    refused(
        "--output=shards: found a path that workers do not have; wanted gs://BUCKET/PATH",
        TokenizeDataset.COMMAND,
        "--input=" + Bucket.path("images"),
        "--tokenizer=" + Bucket.path("tokenizer"),
        "--output=shards");
    refused(
        "none: the launcher does not wait",
        TrainTokenizer.COMMAND,
        with(TRAIN_TOKENIZER, "--metricsFile=" + Bucket.path("metrics.json")));
    refused("a launch is one job", Evaluate.COMMAND, with(EVALUATE, "--backbone=gs://b-b-b/c"));
    refused(
        "found the command linear-probe, which is no template",
        LinearProbing.COMMAND,
        "--train=" + Bucket.path("features"),
        "--validation=" + Bucket.path("features"),
        "--output=" + Bucket.path("probe"));
    assertEquals(
        Map.of(),
        bucket.objects.entrySet().stream()
            .filter(object -> object.getKey().startsWith("probe/"))
            .collect(Collectors.toMap(Map.Entry::getKey, Map.Entry::getValue)));
  }
}
