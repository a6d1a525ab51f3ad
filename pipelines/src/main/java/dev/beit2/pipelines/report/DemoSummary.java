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
 * The result of {@code ./beit2 demo}, as in {@code summary.json}: the names of the components are
 * those of the file.
 *
 * @param seconds duration of each stage, by its name, in the order of the stages
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
   * Training of the tokenizer, and its codes in the shards.
   *
   * @param firstLoss mean loss of the first steps
   * @param lastLoss mean loss of the last steps
   * @param codesInUse number of codes of at least one patch, 1 to codebookSize
   * @param codebookSize number of codes
   * @param perplexity exp of the entropy of the codes in nats, 1 to codebookSize
   */
  public record Tokenizer(
      double firstLoss, double lastLoss, int codesInUse, int codebookSize, double perplexity) {}

  /**
   * Pretraining of the masked image model.
   *
   * @param firstLoss mean loss of the first steps
   * @param lastLoss mean loss of the last steps
   * @param maskedAccuracy fraction of masked patches whose code got the highest probability, 0 to 1
   */
  public record Pretrain(double firstLoss, double lastLoss, double maskedAccuracy) {}

  /**
   * k-NN accuracy on all labelled images, each classified by all the others; 0 to 1.
   *
   * @param cls with the [CLS] feature
   * @param mean with the mean of the patch features
   * @param untrainedCls {@code cls} of an untrained backbone of the same shape
   * @param untrainedMean {@code mean} of that backbone
   * @param clsError standard error of {@code cls}
   * @param clsGainError standard error of {@code cls − untrainedCls}
   * @param meanGainError standard error of {@code mean − untrainedMean}
   */
  public record Knn(
      double cls,
      double mean,
      double untrainedCls,
      double untrainedMean,
      double clsError,
      double clsGainError,
      double meanGainError) {}

  /** Writes {@code summary.json} to a folder. */
  public void write(String directory) throws IOException {
    StoredFile.in(directory, "summary.json").write(Json.pretty(this));
  }
}
