package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.segment.TrainSegmenter;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** The command segment. */
final class SegmentationTest {
  private static final int STRIPES = 3;

  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;
  private Path set;

  /** Photographs whose masks are stripes of three classes below some rows without a class. */
  @BeforeEach
  void makeSet() throws IOException {
    set = dir.resolve("set");
    part("training", SAMPLES.train(), 6);
    part("validation", SAMPLES.validation(), 3);
    Files.writeString(set.resolve("classes.txt"), "left\nmiddle\nright\n");
    Path images = set.resolve("images/training");
    Path masks = set.resolve("annotations/training");
    Files.delete(masks.resolve("1.png"));
    mask(masks.resolve("2.png"), 7, 9, 0);
    mask(masks.resolve("3.png"), ImageIO.read(images.resolve("3.jpg").toFile()), 4);
    Files.writeString(images.resolve("6.jpg"), "no image");
  }

  private void part(String part, Path photographs, int count) throws IOException {
    Path images = Files.createDirectories(set.resolve("images").resolve(part));
    Path masks = Files.createDirectories(set.resolve("annotations").resolve(part));
    try (Stream<Path> files = Files.walk(photographs)) {
      List<Path> chosen =
          files.filter(f -> f.toString().endsWith(".JPEG")).sorted().limit(count).toList();
      assertEquals(count, chosen.size());
      for (int i = 0; i < count; i++) {
        Files.copy(chosen.get(i), images.resolve(i + ".jpg"));
        mask(masks.resolve(i + ".png"), ImageIO.read(chosen.get(i).toFile()), 0);
      }
    }
  }

  private static void mask(Path file, BufferedImage image, int more) throws IOException {
    mask(file, image.getWidth(), image.getHeight(), more);
  }

  private static void mask(Path file, int width, int height, int more) throws IOException {
    BufferedImage mask = new BufferedImage(width, height, BufferedImage.TYPE_BYTE_GRAY);
    for (int y = height / 10; y < height; y++) {
      for (int x = 0; x < width; x++) {
        mask.getRaster().setSample(x, y, 0, 1 + x * STRIPES / width + more);
      }
    }
    ImageIO.write(mask, "png", file.toFile());
  }

  private List<String> segment(Path output, String... more) throws IOException {
    List<String> args = new ArrayList<>(SampleRuns.training(output, more));
    args.add("--backbone=" + SAMPLES.pretrained());
    args.add("--input=" + set);
    args.add("--auxiliaryChannels=8");
    if (args.stream().noneMatch(arg -> arg.startsWith("--inputSize="))) {
      args.add("--inputSize=64");
    }
    return args;
  }

  private static String run(int expected, List<String> args) {
    return Commands.runDirectly(TrainSegmenter.COMMAND, args).expect(expected).said();
  }

  private static void runOnFlink(List<String> args) {
    Commands.run(TrainSegmenter.COMMAND, args).expect(CommandLine.OK);
  }

  private static byte[] model(Path run) throws IOException {
    Checkpoint last = RunDirectory.latest(run.toString()).orElseThrow();
    return Files.readAllBytes(Path.of(last.directory(), Checkpoint.MODEL));
  }

  @Test
  void trainsMeasuresAndSetsBadMasksAside() throws IOException {
    Path run = dir.resolve("run");
    run(CommandLine.OK, segment(run, "--validation=validation", "--steps=4"));
    List<Map<String, Double>> steps = MetricsLog.read(run.toString());
    assertEquals(4, steps.size());
    assertFalse(steps.get(2).containsKey("validation_images"));
    Map<String, Double> last = steps.get(3);
    assertEquals(3, last.get("validation_images"));
    assertEquals(0, last.get("validation_rejected"));
    String rejected =
        Files.readString(run.resolve("rejected").resolve("rejected-00000-of-00001.jsonl"));
    assertEquals(4, rejected.lines().count(), rejected);
    for (String reason :
        List.of("no mask 1.png", "a mask of 7x9 of an image of ", "a mask with class 4 of 3")) {
      assertTrue(rejected.contains(reason), rejected);
    }
    Map<String, Object> result = Json.object(Files.readString(run.resolve("segmentation.json")));
    assertEquals(last.get("validation_miou"), result.get("meanIou"));
    assertEquals(3, ((List<?>) result.get("classes")).size());
    assertTrue(result.toString().contains("name=middle"), result::toString);
    String page = Files.readString(run.resolve("segmentation.html"));
    assertTrue(page.contains("<td>middle</td>"));
    try (Stream<Path> pictures = Files.list(run.resolve("predictions"))) {
      for (Path picture : pictures.toList()) {
        BufferedImage panels = ImageIO.read(picture.toFile());
        assertEquals(64, Math.min(panels.getHeight(), panels.getWidth() / 3));
      }
    }
    assertEquals(
        Map.of("left", 0, "middle", 1, "right", 2),
        Json.object(Files.readString(run.resolve("class_to_idx.json"))));
  }

  /** A job starts from files alone, as a start after a kill does. So it may be another runner's. */
  @Test
  void aRestartedRunEndsWithTheSameBytes() throws IOException {
    Path once = dir.resolve("once");
    Path jobs = dir.resolve("jobs");
    runOnFlink(segment(once, "--steps=4"));
    run(CommandLine.OK, segment(jobs, "--steps=4", "--roundsPerJob=1"));
    assertArrayEquals(model(once), model(jobs));
    Path two = dir.resolve("two");
    Path again = dir.resolve("again");
    runOnFlink(segment(two, "--steps=4", "--workers=2"));
    run(CommandLine.OK, segment(again, "--steps=4", "--workers=2", "--roundsPerJob=1"));
    assertArrayEquals(model(two), model(again));
    assertFalse(Arrays.equals(model(once), model(two)));
    Path untrained = dir.resolve("untrained");
    run(CommandLine.OK, segment(untrained, "--steps=2", "--untrained"));
    String said = run(CommandLine.INVALID, segment(untrained, "--steps=2"));
    assertTrue(said.contains("--untrained"), said);
    said = run(CommandLine.INVALID, segment(once, "--steps=4", "--microBatch=2"));
    assertTrue(said.contains("microBatch"), said);
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    assertRefused("--inputSize=48: found patches of 16 pixels", "--inputSize=48");
    assertRefused(
        "--batchSize=4: found micro-batches of 3 images, the last one of 1", "--microBatch=3");
    assertRefused("--classes=2: found 3 names of classes", "--classes=2");
    assertRefused("--input=" + set + "/images/test: found", "--validation=test");
    Files.delete(set.resolve("classes.txt"));
    assertRefused("--input=" + set + ": found no names of classes", "--microBatch=2");
    assertFalse(Files.exists(dir.resolve("run")));
  }

  private void assertRefused(String start, String option) throws IOException {
    String said = run(CommandLine.INVALID, segment(dir.resolve("run"), "--steps=1", option));
    assertTrue(said.startsWith(start), said);
  }
}
