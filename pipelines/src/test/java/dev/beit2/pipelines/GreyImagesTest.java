package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.io.image.GreyRange;
import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.ExtractFeatures;
import dev.beit2.pipelines.export.ExportModel;
import dev.beit2.pipelines.finetune.FineTuneClassifier;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.CodebookCheck;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.channels.Channels;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import javax.annotation.Nullable;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Grey images of 12 bits in PNGs of 16: {@code --greyRange} follows them from the tokenizer to what
 * the pretrained model is used for, and people are told where it is missing.
 */
final class GreyImagesTest {
  private static final int IMAGES = 8;
  private static final String FAINT = "use less than 1/16 of the range";

  @TempDir static Path dir;

  @BeforeAll
  static void trainWithARange() throws IOException {
    for (int i = 0; i < IMAGES; i++) {
      Path folder = Files.createDirectories(dir.resolve("images/" + i % 2));
      ImageIO.write(slice(i), "png", folder.resolve(i + ".png").toFile());
    }
    String said = train("tokenizer", "--greyRange=0,4095");
    assertFalse(said.contains(FAINT), said);
  }

  /** Blocks of random grey, from 0 to 4095. */
  private static BufferedImage slice(int seed) {
    BufferedImage image = new BufferedImage(96, 96, BufferedImage.TYPE_USHORT_GRAY);
    Random random = new Random(seed);
    int[] blocks = random.ints(144, 0, 4096).toArray();
    for (int y = 0; y < 96; y++) {
      for (int x = 0; x < 96; x++) {
        image.getRaster().setSample(x, y, 0, blocks[y / 8 * 12 + x / 8]);
      }
    }
    return image;
  }

  private static String path(String name) {
    return dir.resolve(name).toString();
  }

  /** Runs a command; what it wrote to stderr. */
  private static String run(Command<?> command, String... args) {
    PrintStream stderr = System.err;
    ByteArrayOutputStream said = new ByteArrayOutputStream();
    System.setErr(new PrintStream(said, true, UTF_8));
    try {
      Commands.runDirectly(command, List.of(args)).expect(CommandLine.OK);
    } finally {
      System.setErr(stderr);
    }
    return said.toString(UTF_8);
  }

  private static String train(String output, String... more) {
    List<String> args =
        SampleRuns.training(
            dir.resolve(output), "--input=" + path("images"), "--codebookSize=16", "--steps=2");
    args.addAll(List.of(more));
    return run(TrainTokenizer.COMMAND, args.toArray(String[]::new));
  }

  private static String tokenize(String tokenizer, String output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--input=" + path("images"),
                "--tokenizer=" + path(tokenizer),
                "--output=" + path(output),
                "--views=1"));
    args.addAll(List.of(more));
    return run(TokenizeDataset.COMMAND, args.toArray(String[]::new));
  }

  @Nullable
  private static String ofModel(String run) throws IOException {
    Checkpoint last = RunDirectory.latest(path(run)).orElseThrow();
    try (DataInputStream model =
        new DataInputStream(Channels.newInputStream(last.open(Checkpoint.MODEL)))) {
      int length = (int) Long.reverseBytes(model.readLong());
      Object metadata =
          Json.object(new String(model.readNBytes(length), UTF_8)).get("__metadata__");
      return (String) ((Map<?, ?>) metadata).get("greyRange");
    }
  }

  private static String pretrain(String shards, String output) {
    return run(
        PretrainMim.COMMAND,
        SampleRuns.training(dir.resolve(output), "--shards=" + path(shards), "--steps=2")
            .toArray(String[]::new));
  }

  private static Map<String, Object> config(String folder) throws IOException {
    return Json.object(Files.readString(dir.resolve(folder).resolve("config.json")));
  }

  @Test
  void everyCommandTakesTheRangeOfTheModel() throws Exception {
    GreyRange twelveBits = new GreyRange(0, 4095);
    assertEquals("0,4095", ofModel("tokenizer"));

    String said = tokenize("tokenizer", "shards");
    assertFalse(said.contains(FAINT) || said.contains("trained"), said);
    assertEquals(twelveBits, ShardManifest.read(path("shards")).greyRange());
    assertEquals("0,4095", config("shards").get("greyRange"));

    pretrain("shards", "pretrained");
    assertEquals("0,4095", ofModel("pretrained"));
    run(
        ExportModel.COMMAND,
        "--checkpoint=" + path("pretrained"),
        "--to=timm",
        "--output=" + path("timm"));
    String card = Files.readString(dir.resolve("timm/README.md"));
    assertTrue(card.contains("16 bits, the values 0,4095 have become black to white"), card);

    String features =
        run(
            ExtractFeatures.COMMAND,
            "--backbone=" + path("pretrained"),
            "--input=" + path("images"),
            "--output=" + path("features"));
    assertFalse(features.contains(FAINT), features);
    assertEquals(twelveBits, FeatureManifest.read(path("features")).metadata().greyRange());

    String check =
        run(CodebookCheck.COMMAND, "--tokenizer=" + path("tokenizer"), "--input=" + path("images"));
    assertFalse(check.contains(FAINT), check);

    run(
        FineTuneClassifier.COMMAND,
        SampleRuns.training(
                dir.resolve("classifier"),
                "--backbone=" + path("pretrained"),
                "--input=" + path("images"),
                "--steps=2")
            .toArray(String[]::new));
    assertEquals("0,4095", ofModel("classifier"));

    Commands.Ended mixed =
        Commands.run(
            Evaluate.COMMAND,
            List.of(
                "--backbone=" + path("pretrained"),
                "--train=" + path("features"),
                "--validation=" + path("images"),
                "--greyRange=minmax",
                "--output=" + path("evaluation")));
    mixed.expect(CommandLine.INVALID);
    assertTrue(mixed.said().contains("--greyRange=minmax"), mixed.said());
    assertTrue(mixed.said().contains("--greyRange=0,4095"), mixed.said());
  }

  @Test
  void anotherRangeIsToldOfAndWins() {
    String said = tokenize("tokenizer", "other", "--greyRange=minmax");
    assertTrue(said.contains("--greyRange=minmax is used; --tokenizer=" + path("tokenizer")), said);
    assertTrue(said.contains(" was trained with 0,4095"), said);
    assertEquals(GreyRange.MINMAX, ShardManifest.read(path("other")).greyRange());
  }

  @Test
  void imagesThatUseLittleOfTheirRangeAreCounted() throws Exception {
    String trained = train("dark");
    assertTrue(trained.contains("8 of the images seen are grey ones"), trained); // 2 steps of 4
    assertNull(ofModel("dark"));
    for (String size : new String[] {"0", "48"}) {
      String said = tokenize("dark", "dark-" + size, "--storeSize=" + size);
      assertTrue(said.contains("[tokenize] warning: 8 of the images seen"), said);
    }
    assertFalse(Files.readString(dir.resolve("dark-0/manifest.json")).contains("greyRange"));
    pretrain("dark-0", "dark-pretrained");
    String features =
        run(
            ExtractFeatures.COMMAND,
            "--backbone=" + path("dark-pretrained"),
            "--input=" + path("images"),
            "--output=" + path("dark-features"));
    assertTrue(features.contains("warning: 8 of the images seen"), features);
    String check =
        run(CodebookCheck.COMMAND, "--tokenizer=" + path("dark"), "--input=" + path("images"));
    assertTrue(check.contains("warning: 8 of the images seen"), check);
  }

  @Test
  void whatIsNoRangeIsRefused() {
    Commands.Ended ended =
        Commands.run(
            TrainTokenizer.COMMAND,
            SampleRuns.training(
                dir.resolve("refused"), "--input=" + path("images"), "--greyRange=12bit"));
    ended.expect(CommandLine.INVALID);
    assertTrue(ended.said().contains("--greyRange=12bit: "), ended.said());
    assertFalse(Files.exists(dir.resolve("refused")));
  }
}
