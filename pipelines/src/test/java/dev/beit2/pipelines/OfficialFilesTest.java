package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.ShardManifest;
import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Commands on files instead of runs: those of the official code, and a model of ours. */
final class OfficialFilesTest {
  private static final Path PTH = Path.of("../model/src/test/resources/pth");

  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  private static void run(Command<?> command, List<String> args) {
    Commands.runDirectly(command, args).expect(CommandLine.OK);
  }

  private void evaluate(String backbone) throws IOException {
    run(
        Evaluate.COMMAND,
        List.of(
            "--backbone=" + backbone,
            "--train=" + SAMPLES.train(),
            "--validation=" + SAMPLES.validation(),
            "--output=" + dir));
  }

  @Test
  void anOfficialTokenizerMakesShards() throws IOException {
    String tokenizer = PTH.resolve("tokenizer.pth").toString();
    run(
        TokenizeDataset.COMMAND,
        List.of(
            "--input=" + SAMPLES.validation(),
            "--tokenizer=" + tokenizer,
            "--output=" + dir,
            "--views=1"));
    ShardManifest shards = ShardManifest.read(dir.toString());
    assertEquals(12, shards.rows());
    assertEquals(6, shards.codebookSize());
    // Of whatever container, it is the same tokenizer.
    String legacy = PTH.resolve("tokenizer-legacy.pth").toString();
    assertEquals(
        Inputs.model("--tokenizer", legacy, TokenizerDescription::read).digest(),
        shards.tokenizerDigest());
  }

  @Test
  void officialBackbonesAreEvaluated() throws IOException {
    Path pretrained = PTH.resolve("pretrained.pth");
    evaluate(pretrained.toString());
    assertEquals(pretrained.toString(), Evaluation.read(dir.toString()).backbone());

    Path fineTuned = PTH.resolve("fine-tuned.pth");
    evaluate(fineTuned.toString());
    assertEquals(fineTuned.toString(), Evaluation.read(dir.toString()).backbone());
  }

  @Test
  void aModelsFileIsWhatItsRunIs() throws IOException {
    Evaluation ofRun = Evaluation.read(SAMPLES.evaluation().toString());
    Path copy = dir.resolve("backbone.safetensors");
    try (ReadableByteChannel model = lastModel(SAMPLES.pretrained())) {
      Files.write(copy, Channels.newInputStream(model).readAllBytes());
    }
    evaluate(copy.toString());
    Evaluation ofFile = Evaluation.read(dir.toString());
    assertEquals(copy.toString(), ofFile.backbone());
    assertEquals(ofRun.cls(), ofFile.cls());
    assertEquals(ofRun.mean(), ofFile.mean());
  }

  private static ReadableByteChannel lastModel(Path run) throws IOException {
    return RunDirectory.latest(run.toString()).orElseThrow().open(Checkpoint.MODEL);
  }

  private List<String> pretrain(Path output, String... more) throws IOException {
    List<String> args = SampleRuns.training(output, "--shards=" + SAMPLES.shards(), "--steps=2");
    args.addAll(List.of(more));
    return args;
  }

  /** The digest of the model is part of the configuration; runs without one have no entry. */
  @Test
  void aRunBeginsWithAnotherRunsParameters() throws IOException {
    Path run = dir.resolve("run");
    String from = "--initializeFrom=" + SAMPLES.pretrained();
    run(PretrainMim.COMMAND, pretrain(run, from));
    Optional<RunConfig> config = RunConfig.read("--output", run.toString());
    assertEquals(64, config.orElseThrow().values().get("initializeFrom").length());

    Path plain = dir.resolve("plain");
    run(PretrainMim.COMMAND, pretrain(plain));
    config = RunConfig.read("--output", plain.toString());
    assertFalse(config.orElseThrow().values().containsKey("initializeFrom"));
    assertNotEquals(modelDigest(plain), modelDigest(run));

    // Continued without it, the run would be another one.
    String refused =
        Commands.run(PretrainMim.COMMAND, pretrain(run)).expect(CommandLine.INVALID).said();
    assertTrue(refused.contains("no --initializeFrom"), refused);
    run(PretrainMim.COMMAND, pretrain(run, from));
  }

  private static String modelDigest(Path run) throws IOException {
    return Commands.digests(run).get("checkpoints/step-000002/model.safetensors");
  }

  /** Several workers begin with the checkpoint of step 0, which has the given parameters. */
  @Test
  void severalWorkersBeginWithThem() throws IOException {
    Path run = dir.resolve("run");
    run(
        PretrainMim.COMMAND,
        pretrain(run, "--workers=2", "--initializeFrom=" + SAMPLES.pretrained()));
    assertTrue(
        Commands.digests(SAMPLES.pretrained())
            .containsValue(Commands.digests(run).get("checkpoints/step-000000/model.safetensors")));
  }

  @Test
  void modelsThatDoNotFitAreRefused() throws IOException {
    assertRefused(
        PretrainMim.COMMAND,
        pretrain(dir.resolve("run"), "--initializeFrom=" + PTH.resolve("pretrained.pth")),
        "pretrained.pth (found mask_token F32 of [1, 1, 8]; wanted F32 of [1, 1, 192])");
    assertRefused(
        TokenizeDataset.COMMAND,
        List.of(
            "--input=" + SAMPLES.train(),
            "--tokenizer=" + PTH.resolve("fine-tuned.pth"),
            "--output=" + dir.resolve("shards")),
        "found a model of kind classifier; wanted a tokenizer (vqkd)");
    assertRefused(
        Evaluate.COMMAND,
        List.of(
            "--backbone=" + PTH.resolve("make_pth.py"),
            "--train=" + SAMPLES.train(),
            "--validation=" + SAMPLES.validation(),
            "--output=" + dir),
        "make_pth.py (not a safetensors file");
    assertFalse(Files.exists(dir.resolve("run")));
  }

  private static void assertRefused(Command<?> command, List<String> args, String why) {
    String said = Commands.run(command, args).expect(CommandLine.INVALID).said();
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.contains(why), said);
  }
}
