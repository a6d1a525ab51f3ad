package dev.beit2.pipelines.demo;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.CodeUsage;
import dev.beit2.io.shard.EncodedView;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.PeakMemory;
import dev.beit2.pipelines.mim.Masks;
import dev.beit2.pipelines.report.DemoSummary;
import dev.beit2.pipelines.report.Report;
import dev.beit2.pipelines.report.ReportData;
import dev.beit2.pipelines.run.MetricsLog;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Gathers what a demo's stages wrote into {@code summary.json} and {@code report.html}. */
final class DemoResults {
  // The first and the last loss are means over this many steps.
  private static final int STEPS_AVERAGED = 10;
  private static final int EXAMPLES = 6;

  private final String output;
  private final long seed;
  private final List<Map<String, Double>> tokenizerSteps;
  private final List<Map<String, Double>> pretrainSteps;
  private final ShardMetadata shards;
  private final long[] codeCounts;
  private final List<MimExample> shown = new ArrayList<>();

  private DemoResults(String output, long seed) throws IOException {
    this.output = output;
    this.seed = seed;
    this.tokenizerSteps = MetricsLog.read(output + "/tokenizer");
    this.pretrainSteps = MetricsLog.read(output + "/pretrain");
    this.shards = ShardManifest.read(output + "/shards").metadata();
    this.codeCounts = new long[shards.codebookSize()];
    readShards();
  }

  /**
   * Writes both files.
   *
   * @param images number of training images
   * @param seconds duration of each stage
   */
  static DemoSummary write(String output, long seed, int images, Map<String, Double> seconds)
      throws IOException {
    DemoResults results = new DemoResults(output, seed);
    Evaluation evaluation = Evaluation.read(output + "/evaluation");
    DemoSummary summary = results.summary(evaluation, seconds);
    summary.write(output);
    Report.write(output, results.report(summary, evaluation, images));
    return summary;
  }

  /** Counts the codes of all views, and keeps the images that the report shows. */
  private void readShards() {
    MimShards rows = MimShards.open(output + "/shards");
    long size = rows.examples();
    MimShards.Epoch epoch = rows.epoch(seed, 0);
    for (long i = 0; i < size; i++) {
      MimExample example = epoch.get(i);
      for (EncodedView view : example.views()) {
        for (int code : codes(view)) {
          codeCounts[code]++;
        }
      }
      if (i < EXAMPLES) {
        // The order is random, so the first images are a sample of the dataset.
        shown.add(example);
      }
    }
  }

  private int[] codes(EncodedView view) {
    return CodePacking.unpack(view.codes(), shards.codesPerView(), shards.codeBits());
  }

  private DemoSummary summary(Evaluation evaluation, Map<String, Double> seconds) {
    CodeUsage usage = CodeUsage.of(codeCounts);
    return new DemoSummary(
        new DemoSummary.Tokenizer(
            first(tokenizerSteps, "loss"),
            last(tokenizerSteps, "loss"),
            usage.inUse(),
            usage.codebookSize(),
            usage.perplexity()),
        new DemoSummary.Pretrain(
            first(pretrainSteps, "loss"),
            last(pretrainSteps, "loss"),
            last(pretrainSteps, "masked_accuracy")),
        new DemoSummary.Knn(
            evaluation.cls(),
            evaluation.mean(),
            evaluation.untrainedCls(),
            evaluation.untrainedMean(),
            evaluation.clsError(),
            evaluation.clsGainError(),
            evaluation.meanGainError()),
        seconds,
        PeakMemory.megabytes());
  }

  private static double first(List<Map<String, Double>> steps, String metric) {
    return mean(steps.subList(0, averaged(steps)), metric);
  }

  private static double last(List<Map<String, Double>> steps, String metric) {
    return mean(steps.subList(steps.size() - averaged(steps), steps.size()), metric);
  }

  /** Steps to average: the first and the last ones never overlap. */
  private static int averaged(List<?> steps) {
    return Math.min(STEPS_AVERAGED, steps.size() / 2);
  }

  private static double mean(List<Map<String, Double>> steps, String metric) {
    return steps.stream().mapToDouble(step -> step.get(metric)).average().orElseThrow();
  }

  private ReportData report(DemoSummary summary, Evaluation evaluation, int images)
      throws IOException {
    return new ReportData(
        "BEiT v2 demo",
        summary,
        new ReportData.Evaluation(
            images, evaluation.validationImages(), evaluation.classes(), evaluation.neighbours()),
        List.of(tokenizerCurves(), pretrainCurves()),
        CodeUsage.of(codeCounts),
        examples(),
        facts(images));
  }

  private ReportData.Stage tokenizerCurves() {
    Map<String, String> losses = new LinkedHashMap<>();
    losses.put("reconstruction_loss", "training");
    losses.put("validation_reconstruction_loss", "validation images");
    Map<String, String> codes = new LinkedHashMap<>();
    codes.put("codes_in_use", "a batch");
    codes.put("validation_codes_in_use", "all validation images");
    Map<String, String> perplexities = new LinkedHashMap<>();
    perplexities.put("perplexity", "a batch");
    perplexities.put("validation_perplexity", "all validation images");
    return new ReportData.Stage(
        "Tokenizer (VQ-KD)",
        "It learns codes from which the teacher's features of each patch can be reconstructed.",
        List.of(
            chart("Reconstruction loss", tokenizerSteps, losses),
            chart("Codes in use", tokenizerSteps, codes),
            chart("Perplexity of the codes", tokenizerSteps, perplexities)));
  }

  private ReportData.Stage pretrainCurves() {
    Map<String, String> losses = new LinkedHashMap<>();
    losses.put("mim_loss", "last layer");
    losses.put("aggregation_loss", "patch aggregation");
    Map<String, String> accuracies = new LinkedHashMap<>();
    accuracies.put("masked_accuracy", "last layer");
    accuracies.put("aggregation_accuracy", "patch aggregation");
    return new ReportData.Stage(
        "Masked image model",
        "It learns to predict the codes of masked patches.",
        List.of(
            chart("Loss", pretrainSteps, losses),
            chart("Accuracy on masked patches", pretrainSteps, accuracies)));
  }

  private static ReportData.Chart chart(
      String title, List<Map<String, Double>> steps, Map<String, String> metrics) {
    List<ReportData.Curve> curves = new ArrayList<>();
    metrics.forEach((metric, name) -> curves.add(ReportData.Curve.of(name, steps, metric)));
    return new ReportData.Chart(title, curves);
  }

  /** The first view of each shown image, with its mask of the first epoch. */
  private List<ReportData.Example> examples() throws IOException {
    BlockwiseMask mask = PretrainingRecipe.TINY.mask();
    List<ReportData.Example> examples = new ArrayList<>();
    for (MimExample image : shown) {
      EncodedView view = image.views().get(0);
      examples.add(
          new ReportData.Example(
              image.key(),
              shards.inputSize(),
              pixels(image, view),
              shards.grid(),
              Masks.sample(mask, seed, image.key(), 0),
              codes(view)));
    }
    return examples;
  }

  private byte[] pixels(MimExample image, EncodedView view) throws IOException {
    try {
      return EncodedImage.open(image.jpeg(), DecodingLimits.DEFAULT)
          .render(view.view(), shards.inputSize())
          .rgb();
    } catch (UndecodableImageException e) {
      throw new IOException(image.key() + " was decodable before", e);
    }
  }

  private Map<String, String> facts(int images) {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("photographs", Integer.toString(images));
    facts.put("views of each", Integer.toString(shards.views()));
    facts.put("seed", Long.toString(seed));
    facts.put("tokenizer steps", Integer.toString(tokenizerSteps.size()));
    facts.put("pretraining steps", Integer.toString(pretrainSteps.size()));
    facts.put("processors", Integer.toString(FlinkTarget.processors()));
    facts.put("Java", System.getProperty("java.version"));
    facts.put("system", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    facts.put("folder", output);
    return facts;
  }
}
