package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.compare.CompareRuns;
import dev.beit2.pipelines.eval.Evaluation;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The table of real runs. */
final class CompareRunsTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  @Test
  void runsAreSideBySideWithWhatWasMeasuredOfThem() throws IOException {
    String tokenizer = SAMPLES.tokenizer().toString();
    String pretrained = SAMPLES.pretrained().toString();
    Path probe = Files.createDirectories(dir.resolve("probe"));
    Files.writeString(
        probe.resolve("probe.json"),
        """
        {"backbone": "elsewhere/model.pth", "preset": "beit", "trainImages": 9,
         "validationImages": 5, "classes": 2, "top1": {"mean": 0.625, "interval": 0.014},
         "top5": {"mean": 1.0}, "vectors": {}, "seeds": []}
        """);
    Commands.run(
            CompareRuns.COMMAND,
            List.of(
                tokenizer,
                SAMPLES.evaluation().toString(),
                pretrained + "/",
                probe.toString(),
                "--output=" + dir))
        .expect(CommandLine.OK);

    JsonNode columns = new ObjectMapper().readTree(dir.resolve("report.json").toFile());
    assertEquals(3, columns.size());
    assertEquals(tokenizer, columns.get(0).get("run").asText());
    assertEquals("train-tokenizer", columns.get(0).at("/Recipe/command").asText());
    double codes = columns.get(0).at("/Codebook/codes_in_use").asDouble();
    assertTrue(codes >= 1 && codes <= 32, "codes in use: " + codes);
    assertTrue(
        columns.get(0).at("/Training/loss, last steps").asDouble()
            < columns.get(0).at("/Training/loss, first steps").asDouble());
    assertEquals(pretrained, columns.get(1).get("run").asText());
    assertTrue(columns.get(1).at("/Speed/images~1s").asDouble() > 0);
    Evaluation evaluation = Evaluation.read(SAMPLES.evaluation().toString());
    assertEquals(
        evaluation.cls(), columns.get(1).at("/Measures/k-NN top-1, cls, k = 10").asDouble());
    assertTrue(columns.get(0).get("Measures").isEmpty(), "nothing was measured of it");
    assertEquals("elsewhere/model.pth", columns.get(2).get("run").asText());
    assertEquals(0.014, columns.get(2).at("/Measures/linear probe (beit) top-1 ±").asDouble());

    String markdown = Files.readString(dir.resolve("report.md"));
    assertTrue(markdown.contains("| linear probe (beit) top-1 | – | – | 62.5 % ± 1.4 |"), markdown);
    assertTrue(markdown.contains("| command | train-tokenizer | pretrain | – |"), markdown);
    String html = Files.readString(dir.resolve("report.html"));
    assertTrue(html.startsWith("<!DOCTYPE html>"), html);
    assertTrue(html.contains("<td>62.5 % ± 1.4"), html);
  }

  @Test
  void accuraciesOfHeldOutImagesAreTheLastOnesInPercent() throws IOException {
    Path run = Files.createDirectories(dir.resolve("run"));
    Files.writeString(run.resolve("config.json"), "{\"command\": \"finetune\"}");
    Files.writeString(
        run.resolve("metrics.jsonl"),
        """
        {"step": 1, "loss": 2.5, "validation_top1_accuracy": 0.25, "validation_top1_standard_error": 0.01}
        {"step": 2, "loss": 2.0, "validation_top1_accuracy": 0.5, "validation_top1_standard_error": 0.02}
        {"step": 3, "loss": 1.5, "validation_miou": 0.365, "validation_images": 70}
        """);
    Commands.run(CompareRuns.COMMAND, List.of(run.toString(), "--output=" + dir))
        .expect(CommandLine.OK);
    String markdown = Files.readString(dir.resolve("report.md"));
    assertTrue(markdown.contains("| validation\\_top1\\_accuracy | 50.0 % ± 2.0 |"), markdown);
    assertTrue(markdown.contains("| validation\\_miou | 36.5 % |"), markdown);
    assertTrue(markdown.contains("| validation\\_images | 70 |"), markdown);
    assertFalse(markdown.contains("standard"), markdown);
    JsonNode measures =
        new ObjectMapper().readTree(dir.resolve("report.json").toFile()).at("/0/Measures");
    assertEquals(0.5, measures.get("validation_top1_accuracy").asDouble());
    assertEquals(0.02, measures.get("validation_top1_accuracy ±").asDouble());
  }

  @Test
  void textsAreEscaped() throws IOException {
    Path run = Files.createDirectories(dir.resolve("<b>|run"));
    Files.writeString(run.resolve("config.json"), "{\"command\": \"pretrain <i>\"}");
    Commands.run(CompareRuns.COMMAND, List.of(run.toString(), "--output=" + dir))
        .expect(CommandLine.OK);
    assertFalse(Files.readString(dir.resolve("report.html")).contains("<i>"));
    assertTrue(Files.readString(dir.resolve("report.html")).contains("pretrain &lt;i&gt;"));
    assertTrue(Files.readString(dir.resolve("report.md")).contains("\\<b\\>\\|run"));
  }

  @Test
  void aFolderWithoutARunIsNamed() throws IOException {
    Commands.Ended ended = Commands.run(CompareRuns.COMMAND, List.of(dir.toString()));
    assertEquals(CommandLine.INVALID, ended.code());
    assertTrue(
        ended.said().startsWith(dir + ": found no config.json, evaluation.json or probe.json"),
        ended.said());
    Files.writeString(dir.resolve("probe.json"), "{}");
    ended = Commands.run(CompareRuns.COMMAND, List.of(dir.toString()));
    assertTrue(ended.said().contains("found a result that is none ("), ended.said());
    assertEquals(CommandLine.INVALID, Commands.run(CompareRuns.COMMAND, List.of()).code());
  }
}
