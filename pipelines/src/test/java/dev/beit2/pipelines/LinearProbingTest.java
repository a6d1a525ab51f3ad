package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.LinearProbing;
import dev.beit2.pipelines.eval.ProbeResult;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Linear probes of a backbone. */
final class LinearProbingTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  private Path images;

  @BeforeEach
  void copyImages() throws IOException {
    images = dir.resolve("images");
    Commands.copyImages(images, 15, "bird", "flower", "lake");
  }

  /** Runs the command on the images. */
  private Commands.Ended probe(String output, String... more) throws IOException {
    return Commands.runDirectly(LinearProbing.COMMAND, args(output, more));
  }

  private List<String> args(String output, String... more) throws IOException {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--backbone=" + SAMPLES.pretrained(),
                "--train=" + images,
                "--validation=" + SAMPLES.validation(),
                "--output=" + dir.resolve(output)));
    args.addAll(List.of(more));
    return args;
  }

  @Test
  void measuresAndContinues() throws IOException {
    // On Flink; the others are on the Direct runner.
    Commands.run(LinearProbing.COMMAND, args("whole", "--seeds=2", "--epochs=20"))
        .expect(CommandLine.OK);
    ProbeResult whole = ProbeResult.read(dir.resolve("whole").toString());
    assertEquals(
        List.of(45L, 12L, 3L),
        List.of(whole.trainImages(), whole.validationImages(), (long) whole.classes()));
    assertEquals(1, whole.top5().mean(), "of three classes");
    assertEquals(List.of("cls", "mean"), List.copyOf(whole.vectors().keySet()));
    assertFalse(Files.exists(dir.resolve("whole/features")), "only while it runs");

    // The same seeds one after the other; the first one is not repeated.
    probe("parts", "--seeds=1", "--epochs=20").expect(CommandLine.OK);
    Path first = dir.resolve("parts/seeds/seed-0.json");
    String sentinel = Files.readString(first) + " ";
    Files.writeString(first, sentinel);
    probe("parts", "--seeds=2", "--epochs=20").expect(CommandLine.OK);
    assertEquals(sentinel, Files.readString(first));
    for (String file : List.of("probe.json", "confusion.csv", "classes.csv", "confusion.png")) {
      assertArrayEquals(
          Files.readAllBytes(dir.resolve("whole").resolve(file)),
          Files.readAllBytes(dir.resolve("parts").resolve(file)),
          file);
    }
    assertTables(dir.resolve("whole"), whole);

    String said = probe("whole", "--epochs=21").expect(CommandLine.INVALID).said();
    assertTrue(said.startsWith("--epochs=21: found a run started with --epochs=20"), said);
  }

  private static void assertTables(Path folder, ProbeResult result) throws IOException {
    List<String> rows = Files.readAllLines(folder.resolve("confusion.csv"));
    assertEquals("class,bird,flower,lake", rows.get(0));
    long all = 0;
    long right = 0;
    for (int c = 0; c < 3; c++) {
      String[] row = rows.get(c + 1).split(",");
      right += Long.parseLong(row[c + 1]);
      all += Arrays.stream(row).skip(1).mapToLong(Long::parseLong).sum();
    }
    assertEquals(2 * 12, all, "each image once for each seed");
    assertEquals(result.top1().mean(), (double) right / all, 1e-12);
    List<String> classes = Files.readAllLines(folder.resolve("classes.csv"));
    assertEquals("label,class,images,recall,precision,mistaken_for", classes.get(0));
    assertTrue(classes.get(3).startsWith("2,lake,8,"), classes.get(3));
    BufferedImage picture = ImageIO.read(folder.resolve("confusion.png").toFile());
    assertEquals(480, picture.getWidth());
    double lake = Double.parseDouble(classes.get(3).split(",")[3]);
    assertEquals(
        255 * (1 - lake), picture.getRaster().getSample(400, 400, 0), 1, "the diagonal of lake");
  }

  @Test
  void thePresetOfBeitHasAHeadForEachBlock() throws IOException {
    probe("beit", "--preset=beit", "--epochs=2", "--seeds=1").expect(CommandLine.OK);
    Map<String, ?> vectors = ProbeResult.read(dir.resolve("beit").toString()).vectors();
    assertTrue(vectors.containsKey("block_01") && vectors.containsKey("cls"), vectors.toString());
    assertFalse(vectors.containsKey("mean"));
    Object config = Json.object(Files.readString(dir.resolve("beit/config.json"))).get("preset");
    assertEquals("beit", config);
  }

  @Test
  void whatCannotBeUsedIsNamed() throws IOException {
    String said = probe("a", "--learningRates=0.1,x").expect(CommandLine.INVALID).said();
    assertTrue(said.startsWith("--learningRates=0.1,x: found x; wanted different numbers"), said);
    said = probe("b", "--vectors=cls,nothing").expect(CommandLine.INVALID).said();
    assertTrue(said.contains("found features without nothing; wanted"), said);
  }
}
