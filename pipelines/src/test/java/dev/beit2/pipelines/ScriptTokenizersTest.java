package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardVerification;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.CodebookCheck;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Commands with a TorchScript program as the tokenizer: 16 codes of patches of 16 pixels. */
final class ScriptTokenizersTest {
  private static final Path TOKENIZERS = Path.of("../model/src/test/resources/tokenizers");

  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  private static String tokenizer(String name) {
    return "--tokenizer=torchscript:" + TOKENIZERS.resolve(name);
  }

  private List<String> tokenize(String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--input=" + SAMPLES.train(), "--output=" + dir.resolve("shards"), "--views=1"));
    args.addAll(List.of(more));
    return args;
  }

  @Test
  void shardsAndAModelOfItsCodes() throws IOException {
    Commands.runDirectly(TokenizeDataset.COMMAND, tokenize(tokenizer("codes.pt")))
        .expect(CommandLine.OK);
    String shards = dir.resolve("shards").toString();
    ShardManifest manifest = ShardManifest.read(shards);
    assertEquals(
        List.of(12L, 16, 6, 96),
        List.of(manifest.rows(), manifest.codebookSize(), manifest.grid(), manifest.inputSize()));
    assertEquals(Commands.digests(TOKENIZERS).get("codes.pt"), manifest.tokenizerDigest());
    assertNull(manifest.precision());
    assertTrue(ShardVerification.verify(shards).sound());

    Path run = dir.resolve("run");
    List<String> pretrain = SampleRuns.training(run, "--shards=" + shards, "--steps=2");
    List<String> wrong = new ArrayList<>(pretrain);
    wrong.add(tokenizer("codes32.pt"));
    assertRefused(PretrainMim.COMMAND, wrong, "found codes of the tokenizer");
    pretrain.add(tokenizer("codes.pt"));
    Commands.runDirectly(PretrainMim.COMMAND, pretrain).expect(CommandLine.OK);
    Checkpoint last = RunDirectory.latest(run.toString()).orElseThrow();
    try (ReadableByteChannel model = last.open(Checkpoint.MODEL)) {
      byte[] start = Channels.newInputStream(model).readNBytes(4000);
      String header = new String(start, StandardCharsets.ISO_8859_1);
      assertTrue(header.contains("vocabulary\\\":16"), header);
    }
  }

  /** The first images have codes below 4, too, so this shows only while images are encoded. */
  @Test
  void codesOutsideOfTheCodebookEndTheCommand() throws IOException {
    String few = "--tokenizerCodes=4";
    String why = "found the code ";
    assertRefused(TokenizeDataset.COMMAND, tokenize(tokenizer("codes.pt"), few), why);
    assertTrue(Files.notExists(dir.resolve("shards/manifest.json")));
    assertRefused(
        CodebookCheck.COMMAND,
        List.of("--input=" + SAMPLES.train(), tokenizer("codes.pt"), few),
        why);
  }

  @Test
  void aCodebookCheckNeedsNoReconstruction() throws IOException {
    String input = "--input=" + SAMPLES.train();
    Commands.run(CodebookCheck.COMMAND, List.of(input, tokenizer("codes.pt")))
        .expect(CommandLine.OK);
    assertRefused(
        CodebookCheck.COMMAND,
        List.of(input, tokenizer("codes.pt"), "--teacher=hog"),
        "which reconstructs no features");
  }

  @Test
  void programsThatDoNotFit() throws IOException {
    Command<?> tokenize = TokenizeDataset.COMMAND;
    assertRefused(tokenize, tokenize(tokenizer("nothing.pt")), "no file ");
    assertRefused(
        tokenize,
        tokenize(tokenizer("bare.pt")),
        "found no extra file size in it; wanted one, or --tokenizerSize");
    assertRefused(
        tokenize,
        tokenize(
            tokenizer("bare.pt"),
            "--tokenizerMean=0,0,0",
            "--tokenizerStd=1,1,1",
            "--tokenizerSize=96"),
        "found no extra file codes in it; wanted one, or --tokenizerCodes");
    assertRefused(tokenize, tokenize(tokenizer("one-image.pt")), "makes int64 (1, 72)");
    assertRefused(
        tokenize,
        tokenize("--tokenizer=" + SAMPLES.tokenizer(), "--tokenizerCodes=8"),
        "--tokenizerCodes=8: found --tokenizer=");
    assertTrue(Files.notExists(dir.resolve("shards")));
  }

  private static void assertRefused(Command<?> command, List<String> args, String why) {
    String said = Commands.run(command, args).expect(CommandLine.INVALID).said();
    String line = said.lines().filter(l -> !l.startsWith("[")).toList().toString();
    assertTrue(line.contains(why), said);
    assertEquals(1, said.lines().filter(l -> !l.startsWith("[")).count(), said);
  }
}
