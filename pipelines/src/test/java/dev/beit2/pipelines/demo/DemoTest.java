package dev.beit2.pipelines.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.pipelines.Commands;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.report.DemoSummary;
import dev.beit2.pipelines.run.MetricsLog;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class DemoTest {
  @TempDir Path dir;

  private DemoSummary run(String... args) throws Exception {
    return Demo.run(CommandLine.parse(Demo.COMMAND, args));
  }

  @Test
  void runsAllStagesAndWritesASummary() throws Exception {
    Path samples = dir.resolve("samples");
    for (String part : List.of("train", "val")) {
      Commands.copyImages(part, samples.resolve(part), 3, "bird", "lake");
    }
    Path output = dir.resolve("demo");
    // Left by an earlier demo, which this one replaces.
    Files.createDirectories(output.resolve("pretrain"));
    Files.writeString(output.resolve("demo.json"), "{}");
    Files.writeString(output.resolve("pretrain/config.json"), "{\"command\": \"pretrain\"}");
    DemoSummary summary =
        run(
            "--samples=" + samples,
            "--output=" + output,
            "--tokenizerSteps=3",
            "--pretrainSteps=2");
    Map<String, Object> json = Json.object(Files.readString(output.resolve("summary.json")));
    assertEquals(
        List.of("tokenizer", "pretrain", "knn", "seconds", "peakResidentMegabytes"),
        List.copyOf(json.keySet()));
    assertEquals(
        List.of("train-tokenizer", "tokenize", "verify", "pretrain", "evaluate"),
        List.copyOf(summary.seconds().keySet()));
    assertEquals(256, summary.tokenizer().codebookSize());
    List<Map<String, Double>> tokenizer = MetricsLog.read(output + "/tokenizer");
    assertEquals(3, tokenizer.size());
    assertEquals(tokenizer.get(0).get("loss"), summary.tokenizer().firstLoss());
    assertEquals(tokenizer.get(2).get("loss"), summary.tokenizer().lastLoss());
    List<Map<String, Double>> pretrain = MetricsLog.read(output + "/pretrain");
    assertEquals(pretrain.get(1).get("masked_accuracy"), summary.pretrain().maskedAccuracy());
    assertEquals(Evaluation.read(output + "/evaluation").cls(), summary.knn().cls());
    String report = Files.readString(output.resolve("report.html"));
    assertTrue(report.contains("lake/") || report.contains("bird/"));
  }

  @Test
  void refusesAFolderThatIsNotOfADemo() throws Exception {
    Path file = Files.writeString(dir.resolve("mine.txt"), "mine");
    InvalidOptionException refused =
        assertThrows(
            InvalidOptionException.class, () -> run("--samples=samples", "--output=" + dir));
    assertTrue(refused.getMessage().startsWith("--output=" + dir), refused.getMessage());
    assertTrue(Files.exists(file));
    assertFalse(Files.exists(dir.resolve("demo.json")));
  }
}
