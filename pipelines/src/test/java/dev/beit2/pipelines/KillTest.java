package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.ExtractFeatures;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Commands that are killed and started again write the same files as commands that are not, bit for
 * bit.
 */
@Timeout(value = 15, unit = TimeUnit.MINUTES) // ends a test that hangs
final class KillTest {
  private static final int LOCAL_STEPS = 3;
  private static final int STEPS = 12;
  private static final int KILLED = 128 + 9;
  private static final String ROUND = "dev.beit2.pipelines.train.CommitRoundFn";

  private static final List<String> TRAINING =
      List.of(
          "--preset=tiny",
          "--threads=1",
          "--batchSize=2",
          "--localSteps=" + LOCAL_STEPS,
          "--steps=" + STEPS);
  private static final List<String> FILES_OF_ONE_WORKER =
      List.of("model.safetensors", "optimizer-0.safetensors");
  private static final List<String> FILES_OF_TWO_WORKERS =
      List.of(
          "model.safetensors",
          "optimizer-0.safetensors",
          "optimizer-1.safetensors",
          "outer.safetensors");

  @TempDir static Path shared;
  @TempDir Path dir;

  /** The undisturbed training of a tokenizer; made once. */
  private static Path tokenizer() {
    Path tokenizer = shared.resolve("tokenizer");
    if (!Files.exists(tokenizer)) {
      run(TrainTokenizer.COMMAND, trainTokenizer(), tokenizer);
    }
    return tokenizer;
  }

  private static List<String> trainTokenizer() {
    return training(
        "--input=samples/train/lake/*", "--codebookSize=32", "--reviveDeadCodesAfter=3");
  }

  /** Images of which one is broken; made once. */
  private static Path images() throws IOException {
    Path images = shared.resolve("images");
    if (!Files.exists(images)) {
      Commands.copyFolder(Path.of("samples/train/lake"), images);
      Files.writeString(images.resolve("broken.jpg"), "no image");
    }
    return images;
  }

  /** The undisturbed shards of {@link #images}; made once. */
  private static Path shards() throws IOException {
    Path shards = shared.resolve("shards");
    if (!Files.exists(shards)) {
      run(TokenizeDataset.COMMAND, tokenize(), shards);
    }
    return shards;
  }

  private static List<String> tokenize() throws IOException {
    return List.of(
        "--input=" + images(),
        "--tokenizer=" + tokenizer(),
        "--views=2",
        "--centerView",
        "--parallelism=2", // so that the fifth shard is begun when some are complete
        "--shardCount=60");
  }

  private static List<String> training(String... more) {
    List<String> args = new ArrayList<>(TRAINING);
    args.addAll(List.of(more));
    return args;
  }

  private static void run(Command<?> command, List<String> args, Path output) {
    Commands.run(command, withOutput(args, output)).expect(CommandLine.OK);
  }

  private static List<String> withOutput(List<String> args, Path output) {
    List<String> all = new ArrayList<>(args);
    all.add("--output=" + output);
    return all;
  }

  @Test
  void trainTokenizerContinues() throws Exception {
    Path killed =
        killTraining(
            TrainTokenizer.class, trainTokenizer(), new KillPoint(ROUND, "processElement", 2));
    run(TrainTokenizer.COMMAND, trainTokenizer(), killed);
    assertSameRun(FILES_OF_ONE_WORKER, tokenizer(), killed);
  }

  @Test
  void pretrainContinues() throws Exception {
    assertPretrainContinues(
        // The first call writes config.json, so this is the second round's state.json.
        new KillPoint("dev.beit2.io.store.StoredFile", "commit", 3),
        FILES_OF_ONE_WORKER,
        "--dropPath=0.1",
        "--roundsPerJob=2");
  }

  @Test
  void pretrainByTwoWorkersContinues() throws Exception {
    assertPretrainContinues(
        new KillPoint(ROUND, "commit", 2),
        FILES_OF_TWO_WORKERS,
        "--workers=2",
        "--outerMomentum=0.9",
        "--outerLearningRate=0.7",
        "--roundsPerJob=1");
  }

  private void assertPretrainContinues(KillPoint point, List<String> files, String... more)
      throws Exception {
    List<String> args = training(more);
    args.add("--shards=" + shards());
    Path undisturbed = dir.resolve("undisturbed");
    run(PretrainMim.COMMAND, args, undisturbed);
    Path killed = killTraining(PretrainMim.class, args, point);
    run(PretrainMim.COMMAND, args, killed);
    assertSameRun(files, undisturbed, killed);
  }

  @Test
  void tokenizeStartsOver() throws Exception {
    KillPoint point = new KillPoint("dev.beit2.io.shard.ShardFile", "write", 5);
    Path killed = kill(TokenizeDataset.class, tokenize(), point);
    assertFalse(StoredFile.matching(killed.toString(), "*shard-*").isEmpty());
    assertFalse(Files.exists(killed.resolve("manifest.json")));
    // What a kill at other moments leaves.
    Path left = Files.createDirectories(killed.resolve("rejected"));
    for (String file :
        List.of(
            "../.shard-00001-of-00060.parquet.1.tmp",
            "../.manifest.json.1.tmp",
            "../shard-00001-of-00002.parquet",
            ".rejected-00000-of-00001.jsonl.1.tmp",
            "rejected-00007-of-00008.jsonl")) {
      Files.writeString(left.resolve(file), "half a fi");
    }
    run(TokenizeDataset.COMMAND, tokenize(), killed);
    Map<String, String> expected = Commands.digests(shards());
    assertTrue(expected.containsKey("rejected/rejected-00000-of-00001.jsonl"), expected::toString);
    assertEquals(expected, Commands.digests(killed));
  }

  @Test
  void extractFeaturesStartsOver() throws Exception {
    List<String> args =
        List.of(
            "--backbone=" + backbone(),
            "--input=" + images(),
            "--parallelism=2",
            "--shardMegabytes=1");
    Path undisturbed = dir.resolve("undisturbed");
    run(ExtractFeatures.COMMAND, args, undisturbed);
    KillPoint point = new KillPoint("dev.beit2.io.shard.FeatureWriter", "write", 4);
    Path killed = kill(ExtractFeatures.class, args, point);
    assertFalse(Files.exists(killed.resolve("manifest.json")));
    run(ExtractFeatures.COMMAND, args, killed);
    assertEquals(Commands.digests(undisturbed), Commands.digests(killed));
  }

  /** A pretraining of one step; made once. */
  private static Path backbone() throws IOException {
    Path backbone = shared.resolve("backbone");
    if (!Files.exists(backbone)) {
      run(
          PretrainMim.COMMAND,
          List.of(
              "--preset=tiny", "--threads=1", "--batchSize=2", "--steps=1", "--shards=" + shards()),
          backbone);
    }
    return backbone;
  }

  /** Kills a training between its first round and its last. */
  private Path killTraining(Class<?> main, List<String> args, KillPoint point) throws Exception {
    Path killed = kill(main, args, point);
    assertEquals(LOCAL_STEPS, RunDirectory.latest(killed.toString()).orElseThrow().step());
    return killed;
  }

  /**
   * Runs a command in a process of its own, which is killed.
   *
   * @return the command's output
   */
  private Path kill(Class<?> main, List<String> args, KillPoint point) throws Exception {
    Path output = dir.resolve("killed");
    List<String> line = new ArrayList<>();
    line.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    line.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
    line.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
    line.addAll(withOutput(args, output));
    assertEquals(KILLED, point.run(line, dir.resolve("killed.log")));
    return output;
  }

  private static void assertSameRun(List<String> files, Path expected, Path killed)
      throws IOException {
    for (String file : files) {
      assertArrayEquals(last(expected, file), last(killed, file), file);
    }
    assertEquals(metrics(expected), metrics(killed));
  }

  private static byte[] last(Path run, String file) throws IOException {
    Checkpoint checkpoint = RunDirectory.latest(run.toString()).orElseThrow();
    assertEquals(STEPS, checkpoint.step());
    return Files.readAllBytes(Path.of(checkpoint.directory(), file));
  }

  private static List<Map<String, Double>> metrics(Path run) throws IOException {
    List<Map<String, Double>> steps = MetricsLog.read(run.toString());
    steps.forEach(step -> step.keySet().removeAll(MetricsLog.TIMING));
    return steps;
  }
}
