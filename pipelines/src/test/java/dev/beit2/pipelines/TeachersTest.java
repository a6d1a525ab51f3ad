package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Tokenizers distilled from teachers in files. */
final class TeachersTest {
  private static final Path TEACHERS = Path.of("../model/src/test/resources/teachers");

  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  /** Images of 32 pixels in patches of 16: the teachers' grid, at twice their size. */
  private List<String> train(String... more) throws IOException {
    List<String> args =
        SampleRuns.training(
            dir.resolve("run"),
            "--input=" + SAMPLES.train(),
            "--codebookSize=8",
            "--inputSize=32",
            "--steps=2");
    args.addAll(List.of(more));
    return args;
  }

  @ParameterizedTest
  @CsvSource({
    "clip,openai-clip.pt,6",
    "clip,huggingface-clip/model.safetensors,6",
    "dino,dino.pth,8",
    "torchscript,patches.pt,5"
  })
  void tokenizersAreTrained(String kind, String name, int width) throws IOException {
    Path file = TEACHERS.resolve(name);
    String run = dir.resolve("run").toString();
    String validation = "--validation=" + SAMPLES.validation();
    Commands.runDirectly(
            TrainTokenizer.COMMAND, train("--teacher=" + kind + ":" + file, validation))
        .expect(CommandLine.OK);
    assertEquals(
        width,
        Inputs.model("--tokenizer", run, TokenizerDescription::read).config().teacherDimension());
    // The file's content defines the run, not its path.
    String teacher = RunConfig.read("--output", run).orElseThrow().values().get("teacher");
    assertTrue(teacher.matches(kind + ":[0-9a-f]{64}"), teacher);
    Path copied = Commands.copyFolder(file.getParent(), dir.resolve("copy"));
    Commands.runDirectly(
            TrainTokenizer.COMMAND,
            train("--teacher=" + kind + ":" + copied.resolve(file.getFileName()), validation))
        .expect(CommandLine.OK);
  }

  private void assertRefused(String why, String... args) throws IOException {
    String said =
        Commands.run(TrainTokenizer.COMMAND, train(args)).expect(CommandLine.INVALID).said();
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.contains(why), said);
    assertTrue(Files.notExists(dir.resolve("run")));
  }

  @Test
  void teachersThatDoNotFit() throws IOException {
    String dino = "--teacher=dino:" + TEACHERS.resolve("dino.pth");
    assertRefused("wanted hog, clip:FILE, dino:FILE or torchscript:FILE", "--teacher=clip");
    assertRefused("no file nowhere.pt", "--teacher=clip:nowhere.pt");
    assertRefused(
        "found 2 x 2 patches of an image of 16 pixels; wanted 4 x 4", dino, "--patchSize=8");
    assertRefused(
        "found no tensor patch_embed.proj.weight",
        "--teacher=dino:" + TEACHERS.resolve("openai-clip.pt"));
    assertRefused("--teacherSize=16: found --teacher=dino", dino, "--teacherSize=16");
    String map = "--teacher=torchscript:" + TEACHERS.resolve("map.pt");
    assertRefused("no extra file size in it; wanted one, or --teacherSize", map);
    assertRefused("--teacherMean=1,2: found 1,2", map, "--teacherSize=16", "--teacherMean=1,2");
    assertRefused(
        "makes (1, 5, 2, 2) of an image of 16 pixels",
        map,
        "--teacherSize=16",
        "--teacherMean=0,0,0",
        "--teacherStd=1,1,1");
  }
}
