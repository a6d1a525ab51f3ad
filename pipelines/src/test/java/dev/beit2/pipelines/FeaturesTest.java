package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.FeatureMetadata.Vector;
import dev.beit2.io.shard.FeatureShards;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.eval.ExtractFeatures;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Features, and the measures that start from them. */
final class FeaturesTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  private Path extract(String name, Path images, String... more) throws IOException {
    Path output = dir.resolve(name);
    List<String> args =
        new ArrayList<>(
            List.of(
                "--backbone=" + SAMPLES.pretrained(), "--input=" + images, "--output=" + output));
    args.addAll(List.of(more));
    run(ExtractFeatures.COMMAND, CommandLine.OK, args);
    return output;
  }

  private static String run(Command<?> command, int code, List<String> args) {
    return Commands.runDirectly(command, args).expect(code).said();
  }

  private static String run(Command<?> command, int code, String... args) {
    return run(command, code, List.of(args));
  }

  @Test
  void extractsFeaturesOnce() throws IOException {
    Path features = extract("features", SAMPLES.train(), "--blocks", "--untrained");
    FeatureManifest manifest = FeatureManifest.read(features.toString());
    assertEquals(12, manifest.rows());
    int dim = manifest.size("cls");
    List<Vector> vectors = manifest.metadata().vectors();
    assertEquals(new Vector("block_01", 2 * dim), vectors.get(2));
    assertEquals(2, vectors.stream().filter(v -> v.name().matches("(untrained_)?cls")).count());
    assertTrue(Files.readString(features.resolve("class_to_idx.json")).contains("\"lake\" : 2"));
    String rejected = Files.readString(features.resolve("rejected/rejected-00000-of-00001.jsonl"));
    assertTrue(rejected.contains(SampleRuns.BROKEN), rejected);

    Map<String, String> before = Commands.digests(features);
    extract("features", SAMPLES.train(), "--blocks", "--untrained");
    assertEquals(before, Commands.digests(features));
    assertEquals(
        before, Commands.digests(extract("again", SAMPLES.train(), "--blocks", "--untrained")));
    String said =
        run(
            ExtractFeatures.COMMAND,
            CommandLine.INVALID,
            "--backbone=" + SAMPLES.pretrained(),
            "--input=" + SAMPLES.train(),
            "--output=" + features);
    assertTrue(said.startsWith("--blocks=false --untrained=false: found a run started with"), said);
  }

  @Test
  void halvesAndPatchTokensAreStoredOnRequest() throws IOException {
    FeatureShards whole =
        FeatureShards.open(extract("whole", SAMPLES.validation(), "--patches").toString());
    FeatureShards half =
        FeatureShards.open(
            extract("half", SAMPLES.validation(), "--featureType=float16").toString());
    int dim = whole.manifest().size("cls");
    assertEquals(36 * dim, whole.manifest().size("patches"), "of 6 x 6 patches");
    FeatureShards.Rows rows = whole.read(whole.groups().get(0), List.of("cls", "mean", "patches"));
    float[] rounded = half.read(half.groups().get(0), List.of("cls")).vectors().get("cls");
    for (int i = 0; i < rounded.length; i++) {
      float exact = rows.vectors().get("cls")[i];
      assertEquals(exact, rounded[i], Math.abs(exact) * 0x1p-11 + 0x1p-25);
    }
    // The mean of the patch tokens is that vector.
    for (int d = 0; d < dim; d++) {
      double mean = 0;
      for (int n = 0; n < 36; n++) {
        mean += rows.vectors().get("patches")[n * dim + d] / 36.0;
      }
      assertEquals(mean, rows.vectors().get("mean")[d], 1e-5);
    }
  }

  @Test
  void anEvaluationOfFeaturesIsThatOfTheirImages() throws IOException {
    Path train = extract("train", SAMPLES.train(), "--untrained");
    Path validation = extract("validation", SAMPLES.validation(), "--untrained");
    Path output = dir.resolve("evaluation");
    run(
        Evaluate.COMMAND,
        CommandLine.OK,
        "--train=" + train,
        "--validation=" + validation,
        "--untrained",
        "--output=" + output);
    assertEquals(
        Files.readString(SAMPLES.evaluation().resolve("evaluation.json")),
        Files.readString(output.resolve("evaluation.json")));
    assertFalse(Files.exists(SAMPLES.evaluation().resolve("features")), "only while it runs");

    run(
        Evaluate.COMMAND,
        CommandLine.OK,
        "--train=" + train,
        "--validation=" + validation,
        "--k=1,10,200",
        "--feature=mean",
        "--output=" + output);
    Evaluation several = Evaluation.read(output.toString());
    Evaluation before = Evaluation.read(SAMPLES.evaluation().toString());
    assertEquals(3, several.measures().size());
    assertEquals(1, several.neighbours());
    assertEquals(before.mean(), several.measures().get(1).top1());
    // Of three classes, each is among the first five if all neighbours vote.
    assertEquals(1, several.measures().get(2).top5());
    assertEquals(null, several.cls());
  }

  @Test
  void whatDoesNotFitIsNamed() throws IOException {
    Path train = extract("train", SAMPLES.train());
    String[] output = {"--train=" + train, "--output=" + dir.resolve("evaluation")};
    String said =
        run(Evaluate.COMMAND, CommandLine.INVALID, with(output, "--validation=" + SAMPLES.train()));
    assertTrue(said.startsWith("--backbone: found nothing, and no features in"), said);

    Path other = dir.resolve("other");
    run(
        ExtractFeatures.COMMAND,
        CommandLine.OK,
        "--backbone=" + SAMPLES.pretrained() + "/checkpoints/step-000004",
        "--input=" + SAMPLES.validation(),
        "--output=" + other);
    said = run(Evaluate.COMMAND, CommandLine.INVALID, with(output, "--validation=" + other));
    assertTrue(said.startsWith("--validation=" + other + ": found features of "), said);

    said = run(Evaluate.COMMAND, CommandLine.INVALID, with(output, "--leaveOneOut", "--untrained"));
    assertTrue(said.contains("found features without untrained_cls; wanted"), said);

    Path unlabelled = extract("unlabelled", SAMPLES.unlabelledArchive());
    said = run(Evaluate.COMMAND, CommandLine.INVALID, with(output, "--validation=" + unlabelled));
    assertTrue(
        said.startsWith(
            "--validation=" + unlabelled + ": found the image unlabelled/1.jpg without a label"),
        said);

    said = run(Evaluate.COMMAND, CommandLine.INVALID, with(output, "--leaveOneOut", "--k=5,0"));
    assertTrue(said.startsWith("--k=5,0: found 0; wanted different numbers from 1"), said);
  }

  private static String[] with(String[] args, String... more) {
    List<String> all = new ArrayList<>(List.of(args));
    all.addAll(List.of(more));
    return all.toArray(String[]::new);
  }
}
