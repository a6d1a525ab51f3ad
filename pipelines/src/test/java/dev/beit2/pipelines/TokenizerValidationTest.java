package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.ImageFolder.Entry;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.vqkd.CodebookCheck;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The measures of a tokenizer's checkpoints on images that it is not trained on. */
final class TokenizerValidationTest {
  private static final int CODES = 512;

  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  @Test
  void eachCheckpointIsMeasuredOverTheWholeSet() throws Exception {
    Path run = dir.resolve("run");
    String said =
        stderr(
            () ->
                Commands.runDirectly(
                        TrainTokenizer.COMMAND,
                        SampleRuns.training(
                            run,
                            "--input=" + SAMPLES.train(),
                            "--validation=" + SAMPLES.train(),
                            "--steps=4",
                            "--codebookSize=" + CODES))
                    .expect(CommandLine.OK));

    List<Map<String, Double>> steps = MetricsLog.readLast(run.toString(), 0, 10);
    assertEquals(4, steps.size());
    assertFalse(steps.get(0).containsKey("validation_images"));
    assertTrue(steps.get(1).containsKey("validation_images"));
    assertFalse(steps.get(2).containsKey("validation_images"));
    Map<String, Double> last = steps.get(3);
    assertEquals(12, last.get("validation_images"));
    assertEquals(1, last.get("validation_rejected"));
    String listed = Files.readString(run.resolve("rejected/validation.jsonl"));
    assertEquals(1, listed.lines().count(), listed);
    assertTrue(listed.contains("\"key\":\"" + SampleRuns.BROKEN), listed);
    double loss = last.get("validation_reconstruction_loss");
    assertTrue(loss > 0.1 && loss < 1.2, "loss " + loss);
    int used = codesInUse(run.toString());
    assertEquals(used, last.get("validation_codes_in_use"));
    assertEquals(used / (double) CODES, last.get("validation_code_usage"), 1e-12);
    assertTrue(last.get("validation_perplexity") <= used, last::toString);
    // 432 patches cannot use half of the codes after four steps.
    assertTrue(said.contains("validation: code usage 0."), said);
    assertTrue(said.contains("of the codes are in use; --reviveDeadCodesAfter"), said);
    assertTrue(said.contains("images 12, ") && said.contains("rejected 1"), said);
  }

  @Test
  void aCodebookCheckMeasuresWhatTheTokenizerDoes() throws Exception {
    String tokenizer = "--tokenizer=" + SAMPLES.tokenizer();
    String input = "--input=" + SAMPLES.train();
    Map<String, Object> all =
        Json.object(stdout(tokenizer, input, "--sample=0", "--teacher=hog", "--json"));
    assertEquals(12, all.get("images"));
    assertEquals(codesInUse(SAMPLES.tokenizer().toString()), all.get("codesInUse"));
    assertTrue(all.get("rejected").toString().contains(SampleRuns.BROKEN), all::toString);
    double loss = ((Number) all.get("reconstructionLoss")).doubleValue();
    assertTrue(loss > 0.1 && loss < 1.2, "loss " + loss);

    Map<String, Object> some = Json.object(stdout(tokenizer, input, "--sample=5", "--json"));
    assertTrue((int) some.get("images") >= 4 && (int) some.get("images") <= 5, some::toString);
    assertFalse(some.containsKey("reconstructionLoss"));
    assertEquals(some, Json.object(stdout(tokenizer, input, "--sample=5", "--json")));
    String text = stdout(tokenizer, input, "--sample=5");
    assertTrue(text.contains(" of 13 images, ") && text.contains(" codes in use ("), text);
  }

  private static String stdout(String... args) throws Exception {
    PrintStream stdout = System.out;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setOut(new PrintStream(said, true, UTF_8));
    try {
      Commands.run(CodebookCheck.COMMAND, List.of(args)).expect(CommandLine.OK);
    } finally {
      System.setOut(stdout);
    }
    return said.toString(UTF_8);
  }

  /** What is written to stderr meanwhile. */
  private static String stderr(Callable<?> command) throws Exception {
    PrintStream stderr = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, UTF_8));
    try {
      command.call();
    } finally {
      System.setErr(stderr);
    }
    return said.toString(UTF_8);
  }

  /** Counted by the tokenizer that is used for inference. */
  private static int codesInUse(String run) throws Exception {
    Checkpoint last = RunDirectory.latest(run).orElseThrow();
    try (ReadableByteChannel model = last.open(Checkpoint.MODEL);
        Tokenizer tokenizer = Tokenizer.read(model, Precision.FP32)) {
      ImageBatch batch = new ImageBatch(1, tokenizer.imageSize());
      int[] codes = new int[tokenizer.grid() * tokenizer.grid()];
      boolean[] used = new boolean[CODES];
      ImageFolder images = ImageFolder.list(SAMPLES.train().toString());
      for (Entry entry : images.entries()) {
        if (entry.key().equals(SampleRuns.BROKEN)) {
          continue;
        }
        EncodedImage image = EncodedImage.open(images.read(entry), DecodingLimits.DEFAULT);
        batch.put(0, image.renderForEvaluation(tokenizer.imageSize()));
        tokenizer.encode(batch.first(1), 1, codes);
        Arrays.stream(codes).forEach(code -> used[code] = true);
      }
      int count = 0;
      for (boolean code : used) {
        count += code ? 1 : 0;
      }
      return count;
    }
  }
}
