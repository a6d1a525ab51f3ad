package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.sun.net.httpserver.HttpServer;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.torch.TorchDevice;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

/** Options and inputs that do not fit together: a command refuses them in one line. */
final class RefusedInputTest {
  @RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();

  @TempDir Path dir;

  private Path output() {
    return dir.resolve("output");
  }

  /** The command ends with code 2 and one line on stderr, which contains all these parts. */
  private static void assertRefused(Command<?> command, List<String> args, String... parts) {
    String said = Commands.run(command, args).expect(CommandLine.INVALID).said();
    assertEquals(1, said.lines().count(), said);
    for (String part : parts) {
      assertTrue(said.contains(part), () -> said + " lacks " + part);
    }
  }

  private List<String> pretrain(String... more) throws IOException {
    List<String> args = SampleRuns.training(output(), "--shards=" + SAMPLES.shards());
    args.addAll(List.of(more));
    return args;
  }

  private List<String> evaluate(Path backbone, Path validation) throws IOException {
    return List.of(
        "--backbone=" + backbone,
        "--train=" + SAMPLES.train(),
        "--validation=" + validation,
        "--output=" + output());
  }

  private List<String> tokenize(Path images, Path tokenizer) {
    return List.of("--input=" + images, "--tokenizer=" + tokenizer, "--output=" + output());
  }

  @Test
  void otherHyperParametersThanTheRunBeganWith() throws IOException {
    Path run = Commands.copyFolder(SAMPLES.tokenizer(), dir.resolve("run"));
    Files.delete(run.resolve("class_to_idx.json"));
    Map<String, String> before = Commands.digests(run);
    assertRefused(
        TrainTokenizer.COMMAND,
        SampleRuns.training(
            run,
            "--input=" + SAMPLES.train(),
            "--steps=6",
            "--codebookSize=64",
            "--learningRate=0.1"),
        "--codebookSize=64 --learningRate=0.1",
        "--codebookSize=32 --learningRate=6.25E-5");
    assertEquals(before, Commands.digests(run));
  }

  @Test
  void shardsOfAnotherImageSize() throws IOException {
    assertRefused(
        PretrainMim.COMMAND,
        List.of("--shards=" + SAMPLES.shards(), "--output=" + output(), "--preset=base"),
        "--shards=" + SAMPLES.shards(),
        "96 pixels in 6 x 6 patches",
        "224 pixels in 14 x 14 patches");
  }

  @Test
  void shardsOfAnotherTokenizer() throws IOException {
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--tokenizer=" + SAMPLES.otherTokenizer()),
        "--shards=" + SAMPLES.shards(),
        "codes of the tokenizer",
        "--tokenizer=" + SAMPLES.otherTokenizer());
  }

  @Test
  void masksThatLeaveNoPatchVisible() throws IOException {
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--maskedPatches=36"),
        "--maskedPatches=36",
        "36 patches",
        "at most 35");
  }

  @Test
  void aLearningRateThatDoesNotFall() throws IOException {
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--learningRate=1e-7"),
        "--learningRate=1.0E-7",
        "without --minLearningRate",
        "a peak above the end");
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--learningRate=1e-3", "--minLearningRate=1e-3"),
        "--minLearningRate=0.001",
        "a peak learning rate of 0.001",
        "less than that");
  }

  @Test
  void networksThatDoNotFit() throws IOException {
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--earlyLayers=7"),
        "--earlyLayers=7",
        "6 blocks",
        "at most 6");
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--maxBlockPatches=3"),
        "--maxBlockPatches=3",
        "--minBlockPatches=4");
    assertRefused(
        TrainTokenizer.COMMAND,
        SampleRuns.training(output(), "--input=" + SAMPLES.train(), "--inputSize=100"),
        "--inputSize=100",
        "--patchSize=16",
        "a multiple of it");
    assertRefused(
        TrainTokenizer.COMMAND,
        SampleRuns.training(output(), "--input=" + SAMPLES.train(), "--patchSize=12"),
        "--patchSize=12",
        "cells of 8 pixels");
    assertRefused(
        PretrainMim.COMMAND,
        pretrain("--microBatch=65536"),
        "--microBatch=65536",
        "at most 19418 of this size");
  }

  @Test
  void workersThatWouldReviveCodesEachByItself() throws IOException {
    assertRefused(
        TrainTokenizer.COMMAND,
        SampleRuns.training(output(), "--input=" + SAMPLES.train(), "--workers=2"),
        "--workers=2",
        "revived after 10 batches",
        "--reviveDeadCodesAfter=0");
  }

  @Test
  void moreWorkersThanImages() throws IOException {
    assertRefused(PretrainMim.COMMAND, pretrain("--workers=13"), "--workers=13", "12 images");
  }

  @Test
  void aBatchThatMicroBatchesDoNotDivide() throws IOException {
    assertRefused(
        PretrainMim.COMMAND, pretrain("--accumulate=3"), "--accumulate=3", "--batchSize=4");
  }

  @Test
  void aPretrainedModelInsteadOfATokenizer() throws IOException {
    assertRefused(
        TokenizeDataset.COMMAND,
        tokenize(SAMPLES.train(), SAMPLES.pretrained()),
        "--tokenizer=" + SAMPLES.pretrained(),
        "kind mim",
        "tokenizer");
  }

  @Test
  void aTokenizerInsteadOfAPretrainedModel() throws IOException {
    assertRefused(
        Evaluate.COMMAND,
        evaluate(SAMPLES.tokenizer(), SAMPLES.validation()),
        "--backbone=" + SAMPLES.tokenizer(),
        "kind vqkd");
  }

  @Test
  void anInputThatDoesNotExist() {
    Path nowhere = dir.resolve("nowhere");
    assertRefused(
        TrainTokenizer.COMMAND,
        SampleRuns.training(output(), "--input=" + nowhere),
        "--input=" + nowhere,
        "nothing at");
  }

  @Test
  void imagesOfWhichNoneCanBeDecoded() throws IOException {
    Path broken = Files.createDirectories(dir.resolve("broken"));
    Files.writeString(broken.resolve("a.jpg"), "no image");
    assertRefused(
        TokenizeDataset.COMMAND,
        tokenize(broken, SAMPLES.tokenizer()),
        "--input=" + broken,
        "1 images of which none can be decoded");
  }

  @Test
  void anArchiveOfAnotherFormat() throws IOException {
    assertRefused(
        TrainTokenizer.COMMAND,
        SampleRuns.training(output(), "--input=" + SAMPLES.trainArchive(), "--format=parquet"),
        "--input=" + SAMPLES.trainArchive(),
        "no footer of a Parquet file");
  }

  @Test
  void anEvaluationOnImagesWithoutLabels() throws IOException {
    assertRefused(
        Evaluate.COMMAND,
        evaluate(SAMPLES.pretrained(), SAMPLES.unlabelledArchive()),
        "--validation=" + SAMPLES.unlabelledArchive(),
        "the image unlabelled/1.jpg without a label");
  }

  @Test
  void anImageNetArchiveWithoutItsDevelopmentKit() throws IOException {
    Path archive = dir.resolve("ILSVRC2012_img_val.tar");
    Files.copy(SAMPLES.unlabelledArchive(), archive);
    assertRefused(
        Evaluate.COMMAND,
        evaluate(SAMPLES.pretrained(), archive),
        "images without labels, as there is no ILSVRC2012_devkit_t12.tar.gz beside");
  }

  @Test
  void aMissingGpuBeforeTheJobStarts() throws IOException {
    assumeTrue(Torch.devices().stream().noneMatch(TorchDevice::isGpu));
    assertRefused(
        PretrainMim.COMMAND, pretrain("--device=gpu"), "--device=gpu", "no GPU in this machine");
    assertFalse(Files.exists(output().resolve("rejected")));
  }

  @Test
  void moreWorkersThanSlotsBeforeTheJobStarts() throws IOException {
    HttpServer cluster = clusterWithoutJobs(2);
    String master = "127.0.0.1:" + cluster.getAddress().getPort();
    try {
      assertRefused(
          PretrainMim.COMMAND,
          pretrain("--workers=3", "--flinkMaster=" + master, "--filesToStage=pom.xml"),
          "--workers=3",
          "2 slots on --flinkMaster=" + master,
          "./beit2 cluster add-taskmanager");
    } finally {
      cluster.stop(0);
    }
    assertFalse(Files.exists(output().resolve("checkpoints")));
  }

  /** A server that answers like a Flink cluster of this many slots. */
  private static HttpServer clusterWithoutJobs(int slots) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          boolean ofJobs = exchange.getRequestURI().getPath().equals("/jobs/overview");
          String text =
              ofJobs
                  ? "{\"jobs\": []}"
                  : "{\"taskmanagers\": 1, \"slots-total\": %d, \"slots-available\": 0}"
                      .formatted(slots);
          byte[] answer = text.getBytes(UTF_8);
          exchange.sendResponseHeaders(200, answer.length);
          try (OutputStream out = exchange.getResponseBody()) {
            out.write(answer);
          }
        });
    server.start();
    return server;
  }
}
