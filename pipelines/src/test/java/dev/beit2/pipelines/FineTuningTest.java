package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.export.ExportModel;
import dev.beit2.pipelines.finetune.FineTuneClassifier;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.status.Status;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The command finetune. */
final class FineTuningTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  private static List<String> finetune(Path output, String... more) throws IOException {
    List<String> args = new ArrayList<>(SampleRuns.training(output, more));
    args.add("--backbone=" + SAMPLES.pretrained());
    if (args.stream().noneMatch(arg -> arg.startsWith("--input="))) {
      args.add("--input=" + SAMPLES.train());
    }
    return args;
  }

  private static String run(int expected, List<String> args) {
    return Commands.runDirectly(FineTuneClassifier.COMMAND, args).expect(expected).said();
  }

  private static byte[] model(Path run) throws IOException {
    Checkpoint last = RunDirectory.latest(run.toString()).orElseThrow();
    return Files.readAllBytes(Path.of(last.directory(), Checkpoint.MODEL));
  }

  @Test
  void trainsAClassifierThatOtherCommandsTake() throws IOException {
    Path run = dir.resolve("run");
    run(CommandLine.OK, finetune(run, "--validation=" + SAMPLES.train(), "--steps=4"));
    List<Map<String, Double>> steps = MetricsLog.read(run.toString());
    assertEquals(4, steps.size());
    assertEquals(Math.log(3), steps.get(0).get("loss"), 0.02); // the head starts close to zero
    assertFalse(steps.get(2).containsKey("validation_images"));
    Map<String, Double> last = steps.get(3);
    assertEquals(12, last.get("validation_images"));
    assertEquals(1, last.get("validation_rejected"));
    double accuracy = last.get("validation_top1_accuracy");
    assertTrue(accuracy >= 0 && Math.rint(12 * accuracy) / 12 == accuracy, "is " + accuracy);
    assertEquals(1, last.get("validation_top5_accuracy")); // of three classes
    assertEquals(
        Math.sqrt(accuracy * (1 - accuracy) / 12),
        last.get("validation_top1_standard_error"),
        1e-12);
    assertEquals(
        Map.of("bird", 0, "flower", 1, "lake", 2),
        Json.object(Files.readString(run.resolve("class_to_idx.json"))));
    for (String list : List.of("rejected-00000-of-00001.jsonl", "validation.jsonl")) {
      String rejected = Files.readString(run.resolve("rejected").resolve(list));
      assertEquals(1, rejected.lines().count(), rejected);
      assertTrue(rejected.contains(SampleRuns.BROKEN), rejected);
    }
    String status = status(run);
    assertTrue(status.contains("finetune, preset tiny"), status);
    assertTrue(
        status.matches("(?s).*validation_top1_accuracy +0\\.\\d{3} ± 0\\.\\d{3}\\n.*"), status);

    Path evaluation = dir.resolve("evaluation");
    Commands.runDirectly(
            Evaluate.COMMAND,
            List.of(
                "--backbone=" + run,
                "--train=" + SAMPLES.train(),
                "--validation=" + SAMPLES.validation(),
                "--output=" + evaluation))
        .expect(CommandLine.OK);
    assertEquals(3, Evaluation.read(evaluation.toString()).classes());
    Path exported = dir.resolve("exported");
    Commands.run(
            ExportModel.COMMAND,
            List.of("--checkpoint=" + run, "--to=timm", "--output=" + exported))
        .expect(CommandLine.OK);
    assertEquals(
        3, Json.object(Files.readString(exported.resolve("config.json"))).get("num_classes"));
  }

  private static String status(Path run) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    PrintStream stdout = System.out;
    System.setOut(new PrintStream(out, true, UTF_8));
    try {
      Commands.run(Status.COMMAND, List.of("--run=" + run)).expect(CommandLine.OK);
    } finally {
      System.setOut(stdout);
    }
    return out.toString(UTF_8);
  }

  /** Also across jobs: a job starts from files alone. */
  @Test
  void severalWorkersAreReproducible() throws IOException {
    Path once = dir.resolve("once");
    Path jobs = dir.resolve("jobs");
    run(CommandLine.OK, finetune(once, "--workers=2", "--steps=4"));
    run(CommandLine.OK, finetune(jobs, "--workers=2", "--steps=4", "--roundsPerJob=1"));
    assertArrayEquals(model(once), model(jobs));
    Path one = dir.resolve("one");
    run(CommandLine.OK, finetune(one, "--steps=4"));
    assertFalse(Arrays.equals(model(once), model(one)));
  }

  @Test
  void anUntrainedBackboneIsABaseline() throws IOException {
    Path tuned = dir.resolve("tuned");
    Path untrained = dir.resolve("untrained");
    run(CommandLine.OK, finetune(tuned, "--steps=1"));
    run(CommandLine.OK, finetune(untrained, "--steps=1", "--untrained"));
    assertFalse(Arrays.equals(model(tuned), model(untrained)));
    String said = run(CommandLine.INVALID, finetune(untrained, "--steps=1"));
    assertTrue(said.contains("--untrained"), said);
  }

  /** An archive numbers its classes, and one of them is set aside with the other bad images. */
  @Test
  void imagesWithoutAClassAreSetAside() throws IOException {
    String archive = "--input=" + SAMPLES.trainArchive();
    Path run = dir.resolve("run");
    String said = run(CommandLine.INVALID, finetune(run, archive, "--steps=3"));
    assertTrue(said.contains("wanted --classes, how many there are"), said);
    assertFalse(Files.exists(run));
    run(
        CommandLine.OK,
        finetune(run, archive, "--steps=4", "--classes=2", "--useCls", "--inputSize=128"));
    String rejected =
        Files.readString(run.resolve("rejected").resolve("rejected-00000-of-00001.jsonl"));
    assertEquals(5, rejected.lines().count(), rejected);
    assertTrue(rejected.contains("\"reason\":\"label 2 of 2 classes\""), rejected);
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    assertRefused("--batchSize=5: found mixup or cutmix", "--batchSize=5");
    assertRefused("--microBatch=3: found mixup or cutmix", "--microBatch=3");
    assertRefused("--mixedImages=3: found mixup or cutmix", "--mixedImages=3");
    assertRefused("--inputSize=100: found patches of 16 pixels", "--inputSize=100");
    assertRefused("--classes=2: found 3 names of classes", "--classes=2");
    Path others = dir.resolve("others");
    Commands.copyImages(others, 1, "bird", "lake");
    assertRefused(
        "--validation=%s: found the classes bird, lake".formatted(others),
        "--validation=" + others);
    String unlabelled = "--input=" + SAMPLES.unlabelledArchive();
    assertRefused(unlabelled + ": found ", unlabelled);
    List<String> tokenizer =
        SampleRuns.training(
            dir.resolve("run"),
            "--backbone=" + SAMPLES.tokenizer(),
            "--input=" + SAMPLES.train(),
            "--steps=1");
    String said = run(CommandLine.INVALID, tokenizer);
    assertTrue(said.contains("wanted a model that this command can use"), said);
    assertFalse(Files.exists(dir.resolve("run")));
  }

  private void assertRefused(String start, String option) throws IOException {
    List<String> args = finetune(dir.resolve("run"), "--steps=1");
    String name = option.substring(0, option.indexOf('=') + 1);
    args.removeIf(arg -> arg.startsWith(name));
    args.add(option);
    String said = run(CommandLine.INVALID, args);
    assertTrue(said.startsWith(start), said);
  }
}
