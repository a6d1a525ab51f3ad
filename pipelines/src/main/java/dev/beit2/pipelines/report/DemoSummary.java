package dev.beit2.pipelines.report;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.jvm.PeakMemory;
import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What {@code ./beit2 demo} measured, as {@code summary.json} holds it: the components' names are
 * the file's.
 *
 * @param seconds how long each stage took, by its name, in the order of the stages
 * @param peakResidentMegabytes see {@link PeakMemory#megabytes}
 */
public record DemoSummary(
    Tokenizer tokenizer,
    Pretrain pretrain,
    Knn knn,
    Map<String, Double> seconds,
    long peakResidentMegabytes) {
  public DemoSummary {
    requireNonNull(tokenizer, "tokenizer is null");
    requireNonNull(pretrain, "pretrain is null");
    requireNonNull(knn, "knn is null");
    seconds = Collections.unmodifiableMap(new LinkedHashMap<>(seconds));
  }

  /**
   * @param firstLoss of the first steps
   * @param lastLoss of the last steps
   * @param codesInUse codes that at least one patch got, 1 to codebookSize
   * @param perplexity exp of the codes' entropy in nats, 1 to codebookSize
   */
  public record Tokenizer(
      double firstLoss, double lastLoss, int codesInUse, int codebookSize, double perplexity) {}

  /**
   * @param maskedAccuracy the share of masked patches whose code was the likeliest, 0 to 1
   */
  public record Pretrain(double firstLoss, double lastLoss, double maskedAccuracy) {}

  /**
   * k-NN accuracy on the validation pictures, 0 to 1.
   *
   * @param cls of the [CLS] feature
   * @param mean of the mean of the patches' features
   * @param untrainedCls the same as {@code cls}, of a backbone of the same shape as initialised
   * @param untrainedMean the same as {@code mean}, of that backbone
   */
  public record Knn(double cls, double mean, double untrainedCls, double untrainedMean) {}

  /** Writes {@code summary.json} into a folder. */
  public void write(String directory) throws IOException {
    StoredFile.in(directory, "summary.json").write(Json.pretty(this));
  }
}
