package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.export.ExportModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** {@code ./beit2 export} of what the other commands have made. */
final class ExportModelTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  private static final Map<String, Set<String>> FILES =
      Map.of(
          "timm", Set.of("README.md", "config.json", "model.safetensors"),
          "transformers",
              Set.of("README.md", "config.json", "model.safetensors", "preprocessor_config.json"),
          "transformers-mim",
              Set.of("README.md", "config.json", "model.safetensors", "preprocessor_config.json"),
          "official", Set.of("README.md", "model.pth"),
          "safetensors", Set.of("README.md", "model.safetensors"),
          "onnx", Set.of("README.md", "model.onnx"));

  @TempDir Path dir;

  private Path output() {
    return dir.resolve("output");
  }

  private static Commands.Ended export(Path checkpoint, String to, Path output, String... more) {
    List<String> args =
        Stream.concat(
                Stream.of("--checkpoint=" + checkpoint, "--to=" + to, "--output=" + output),
                Stream.of(more))
            .toList();
    return Commands.run(ExportModel.COMMAND, args);
  }

  private static void assertRefused(Commands.Ended ended, String... parts) {
    String said = ended.expect(CommandLine.INVALID).said();
    assertEquals(1, said.lines().count(), said);
    for (String part : parts) {
      assertTrue(said.contains(part), () -> said + " lacks " + part);
    }
  }

  /** The files that are left, but for hidden ones. */
  private static Set<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> !name.startsWith("."))
          .collect(TreeSet::new, Set::add, Set::addAll);
    }
  }

  @Test
  void eachTargetHasItsFilesAndACard() throws IOException {
    for (Map.Entry<String, Set<String>> target : FILES.entrySet()) {
      Path output = dir.resolve(target.getKey());
      export(SAMPLES.pretrained(), target.getKey(), output).expect(CommandLine.OK);
      assertEquals(target.getValue(), files(output));
      String card = Files.readString(output.resolve("README.md"));
      for (String part :
          List.of(
              "`./beit2 export --to=" + target.getKey() + "`",
              "resized to 110 pixels (bicubic), the central 96 × 96 pixels",
              "Optimizer steps: ",
              "| batchSize | 4 |",
              "| command | pretrain |",
              "\"vocabulary\" : 32")) {
        assertTrue(card.contains(part), () -> card + " lacks " + part);
      }
      assertFalse(card.contains("## Accuracy"), card);
    }
  }

  @Test
  void aTokenizersCardTellsOfItsCodebook() throws IOException {
    for (String to : List.of("official", "safetensors")) {
      Path output = dir.resolve(to);
      export(SAMPLES.tokenizer(), to, output).expect(CommandLine.OK);
      assertEquals(FILES.get(to), files(output));
      String card = Files.readString(output.resolve("README.md"));
      assertTrue(card.contains("in the last batch, at step 6: "), card);
      assertTrue(card.contains("| teacher | hog |"), card);
    }
    assertRefused(
        export(SAMPLES.tokenizer(), "timm", output()),
        "--to=timm: found a tokenizer in --checkpoint=" + SAMPLES.tokenizer(),
        "one of official, safetensors");
    assertFalse(Files.exists(output()));
  }

  @Test
  void theCardHasTheAccuracyOfThisCheckpointOnly() throws IOException {
    String evaluation = "--evaluation=" + SAMPLES.evaluation();
    export(SAMPLES.pretrained(), "timm", output(), evaluation).expect(CommandLine.OK);
    String card = Files.readString(output().resolve("README.md"));
    assertTrue(card.contains("k-NN (k = 10, cosine, temperature 0.07) of 12 validation"), card);

    Path other = Commands.copyFolder(SAMPLES.pretrained(), dir.resolve("other"));
    Path folder = dir.resolve("refused");
    assertRefused(
        export(other, "timm", folder, evaluation), evaluation, "found the accuracy of", "/other/");
    assertRefused(export(other, "timm", folder, "--evaluation=" + dir), "found no evaluation.json");
    Files.writeString(dir.resolve("evaluation.json"), "{\"cls\": 1}");
    assertRefused(
        export(other, "timm", folder, "--evaluation=" + dir), "an evaluation.json that is none");
    assertFalse(Files.exists(folder));
  }

  @Test
  void theCardSaysHowTheAccuracyWasMeasured() throws IOException {
    String json = Files.readString(SAMPLES.evaluation().resolve("evaluation.json"));
    assertTrue(json.contains("\"leaveOneOut\" : false"), json);
    assertTrue(
        card("others", json.replace("\"leaveOneOut\" : false", "\"leaveOneOut\" : true"))
            .contains("of 12 images, each by the 12 others, 3 classes"));
    // As it was written before --leaveOneOut and standard errors.
    String older = json.replaceAll("(?m)^  \"(leaveOneOut|\\w+Error)\" : [^\n]*\n", "");
    older = older.replaceFirst(",\\s*}", "\n}");
    assertTrue(
        card("older", older).contains("of 12 validation images by 12 training images, 3 classes"));
  }

  /** The card of an export with this {@code evaluation.json}. */
  private String card(String name, String evaluation) throws IOException {
    Path folder = Files.createDirectories(dir.resolve(name));
    Files.writeString(folder.resolve("evaluation.json"), evaluation);
    Path export = dir.resolve("export-" + name);
    export(SAMPLES.pretrained(), "safetensors", export, "--evaluation=" + folder)
        .expect(CommandLine.OK);
    return Files.readString(export.resolve("README.md"));
  }

  @Test
  void aFolderWithOtherFilesIsNotTouched() throws IOException {
    Path run = SAMPLES.pretrained();
    Map<String, String> before = Commands.digests(run);
    assertRefused(export(run, "official", run), "found files there", "checkpoints/step-");
    before.keySet().remove(".hold.json");
    Map<String, String> after = Commands.digests(run);
    after.keySet().remove(".hold.json");
    assertEquals(before, after);

    export(run, "timm", output()).expect(CommandLine.OK);
    Map<String, String> exported = Commands.digests(output());
    assertRefused(export(run, "onnx", output()), "found files there", "an empty folder");
    // The same again is no mistake: everything is there already.
    export(run, "timm", output()).expect(CommandLine.OK);
    assertEquals(exported, Commands.digests(output()));
  }

  @Test
  void aFileOfTheOfficialCodeIsExported() throws IOException {
    Path file = Path.of("../model/src/test/resources/pth/pretrained.pth");
    export(file, "safetensors", output()).expect(CommandLine.OK);
    String card = Files.readString(output().resolve("README.md"));
    assertTrue(
        card.contains("in the file pretrained.pth, which does not say how it was trained"), card);
    // What was written is a model's file again, and the same in each container and type.
    Path model = output().resolve("model.safetensors");
    for (String name : List.of("pretrained-fp16.pth", "pretrained-bf16-legacy.pth")) {
      Path other = dir.resolve(name);
      export(file.resolveSibling(name), "safetensors", other).expect(CommandLine.OK);
      assertEquals(-1, Files.mismatch(model, other.resolve("model.safetensors")), name);
    }
    export(model, "official", dir.resolve("official")).expect(CommandLine.OK);
    export(file, "timm", dir.resolve("timm")).expect(CommandLine.OK);
    assertRefused(
        export(file.resolveSibling("make_pth.py"), "timm", dir.resolve("none")),
        "make_pth.py (not a safetensors file");
    assertRefused(
        export(file, "timm", dir.resolve("none"), "--evaluation=" + SAMPLES.evaluation()),
        "found the accuracy of");
  }

  @Test
  void whatAKilledExportLeftIsDeleted() throws IOException {
    Path run = SAMPLES.pretrained();
    export(run, "timm", dir.resolve("whole")).expect(CommandLine.OK);
    Files.createDirectories(output());
    Files.writeString(output().resolve(".export.json"), "[\"model.onnx\",\"model.pth\"]");
    Files.writeString(output().resolve("model.onnx"), "written");
    Files.writeString(output().resolve(".model.pth.4-2.tmp"), "begun");
    export(run, "timm", output()).expect(CommandLine.OK);
    Map<String, String> wanted = Commands.digests(dir.resolve("whole"));
    wanted.keySet().removeIf(name -> name.equals(".hold.json"));
    Map<String, String> found = Commands.digests(output());
    found.keySet().removeIf(name -> name.equals(".hold.json"));
    assertEquals(wanted, found);
    // Files of somebody else are not: no export has begun there.
    Path other = Files.createDirectories(dir.resolve("other"));
    Files.writeString(other.resolve("model.safetensors"), "precious");
    assertRefused(export(run, "timm", other), "found files there: model.safetensors");
    Files.writeString(other.resolve(".export.json"), "[\"../whole/config.json\"]");
    assertRefused(export(run, "timm", other), "found .export.json that no export has written");
    assertTrue(Files.exists(dir.resolve("whole/config.json")));
  }

  @Test
  void aBrokenCheckpointIsOneLine() throws IOException {
    Path run = Commands.copyFolder(SAMPLES.pretrained(), dir.resolve("run"));
    try (Stream<Path> files = Files.walk(run)) {
      for (Path model : files.filter(file -> file.endsWith("model.safetensors")).toList()) {
        byte[] whole = Files.readAllBytes(model);
        Files.write(model, Arrays.copyOf(whole, whole.length - 1));
      }
    }
    assertRefused(export(run, "timm", output()), "--checkpoint=" + run, "the file ends early");
    assertRefused(export(dir, "timm", output()), "--checkpoint=" + dir, "no complete checkpoint");
    assertFalse(Files.exists(output()));
  }
}
