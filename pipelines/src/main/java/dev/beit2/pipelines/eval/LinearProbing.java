package dev.beit2.pipelines.eval;

import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.eval.FeatureChoice;
import dev.beit2.model.eval.ProbeConfig;
import dev.beit2.model.eval.ProbeConfig.Optimizer;
import dev.beit2.model.recipe.ProbeRecipe;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.OneOf;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RunConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.LongStream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;

/** Measures the accuracy of linear classifiers on a backbone's frozen features. */
public final class LinearProbing {
  static final String NAME = "linear-probe";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "accuracy of linear classifiers on frozen features",
              "Trains linear classifiers on the features of a frozen backbone, for each vector of the features and for many "
                  + "learning rates at once, and reports the one that a held-out part of the training images chooses.",
              Options.class,
              options -> {
                print(run(options, NAME), options.getOutput(), System.out);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors())
          .withPresets(ProbeRecipe.PRESETS);

  private static final String BLOCKS = "blocks";
  private static final String BLOCK_PREFIX = "block_";
  private static final double RATES_PER_IMAGES = 256;

  private LinearProbing() {}

  /** The options of {@code ./beit2 linear-probe}. Their defaults by preset are in the recipe. */
  public interface Options extends MeasureOptions {
    @Description(
        "Labelled images to measure on, of the same classes, or a folder of extract-features.")
    @Validation.Required
    String getValidation();

    void setValidation(String validation);

    @Description(
        "grid: [CLS] and the mean of the patches, many learning rates. beit: the protocol of BEiT, one head on the output of "
            + "each block, which needs features with --blocks; here without augmentation.")
    @Default.String("grid")
    @OneOf({"grid", "beit"})
    String getPreset();

    void setPreset(String preset);

    @Description(
        "Vectors of the features, each with heads of its own: names of columns with commas between; blocks stands for all "
            + "blocks.")
    String getVectors();

    void setVectors(String vectors);

    @Description(
        "Learning rates for a batch of 256 images, with commas between; each is one head of each vector. They fall along half "
            + "a cosine to 0.")
    String getLearningRates();

    void setLearningRates(String learningRates);

    @Description("Optimizer of the heads.")
    Optimizer getOptimizer();

    void setOptimizer(Optimizer optimizer);

    @Description("Weight decay of weights and biases.")
    @Range(min = 0)
    Double getWeightDecay();

    void setWeightDecay(Double weightDecay);

    @Description("Passes over the training images.")
    @Range(min = 1, max = 100000)
    Integer getEpochs();

    void setEpochs(Integer epochs);

    @Description("Images per step; all of them if there are fewer.")
    @Range(min = 1, max = 65536)
    Integer getBatchSize();

    void setBatchSize(Integer batchSize);

    @Description(
        "Number of repetitions with other initial weights, orders and held-out images, from which the confidence interval "
            + "comes.")
    @Default.Integer(5)
    @Range(min = 1, max = 1000)
    int getSeeds();

    void setSeeds(int seeds);

    @Description("The first of the seeds.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);
  }

  /** {@code ./beit2 linear-probe}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains the heads and writes {@code probe.json}, {@code confusion.csv}, {@code confusion.png}
   * and {@code classes.csv}. Seeds that an earlier start with the same options has finished are not
   * repeated.
   *
   * @param stage name for progress messages
   * @throws InvalidOptionException if images, features or backbone are not what the options promise
   */
  public static ProbeResult run(Options options, String stage) throws IOException {
    List<Double> rates = rates(options.getLearningRates());
    List<String> named = List.of(options.getVectors().split(",", -1));
    MeasuredSets prepared =
        new MeasuredSets(stage, options, new FeatureChoice(false, needsBlocks(named)), false, 0)
            .with("--train", options.getTrain())
            .with("--validation", options.getValidation());
    RunConfig config =
        RunConfig.of(NAME, Options.class, options, Set.of("output", "seeds"))
            .with("train", StoredFile.withoutLastSlash(options.getTrain()))
            .with("validation", StoredFile.withoutLastSlash(options.getValidation()));
    config.isBegun(options.getOutput());
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      config.begin(options.getOutput());
      List<MeasuredSet> sets =
          prepared.prepare(named.stream().filter(name -> !name.equals(BLOCKS)).toList());
      ProbeSpec spec = spec(options, sets, vectors(named, sets.get(0)), rates);
      train(options, stage, spec);
      ProbeResult result =
          ProbeReport.write(
              options.getOutput(), options.getPreset(), spec, seeds(options), prepared.classes());
      prepared.deleteComputed();
      return result;
    }
  }

  private static boolean needsBlocks(List<String> named) {
    return named.stream().anyMatch(name -> name.equals(BLOCKS) || name.startsWith(BLOCK_PREFIX));
  }

  /** The columns; {@link #BLOCKS} becomes those of all blocks. */
  private static List<String> vectors(List<String> named, MeasuredSet train) {
    List<String> vectors = new ArrayList<>();
    for (String name : named) {
      if (!name.equals(BLOCKS)) {
        vectors.add(name);
        continue;
      }
      List<String> blocks =
          train.manifest().metadata().vectors().stream()
              .map(vector -> vector.name())
              .filter(vector -> vector.startsWith(BLOCK_PREFIX))
              .toList();
      if (blocks.isEmpty()) {
        throw new InvalidOptionException(
            train.label(), "features without those of blocks", "features of --blocks");
      }
      vectors.addAll(blocks);
    }
    return vectors;
  }

  private static List<Double> rates(String given) {
    List<Double> rates = new ArrayList<>();
    for (String text : given.split(",", -1)) {
      double rate;
      try {
        rate = Double.parseDouble(text);
      } catch (NumberFormatException e) {
        rate = Double.NaN;
      }
      if (!(rate > 0) || Double.isInfinite(rate) || rates.contains(rate)) {
        throw new InvalidOptionException(
            "--learningRates=" + given,
            text.isEmpty() ? "nothing" : text,
            "different numbers above 0, such as 0.001,0.01,0.1");
      }
      rates.add(rate);
    }
    return rates;
  }

  private static ProbeSpec spec(
      Options options, List<MeasuredSet> sets, List<String> vectors, List<Double> rates) {
    long images = sets.get(0).manifest().rows();
    int batchSize = (int) Math.min(options.getBatchSize(), images);
    ProbeConfig config =
        new ProbeConfig(
            options.getOptimizer(),
            rates.stream().map(rate -> rate * batchSize / RATES_PER_IMAGES).toList(),
            options.getWeightDecay(),
            options.getEpochs(),
            batchSize);
    return new ProbeSpec(
        sets.get(0),
        sets.get(1),
        vectors,
        config,
        labels(sets),
        FlinkTarget.of(options).path(options.getOutput()));
  }

  /** The labels of all images, ascending; only keys and labels are read. */
  private static List<Integer> labels(List<MeasuredSet> sets) {
    FeatureSequence all = new FeatureSequence(sets);
    return Arrays.stream(all.labels()).distinct().sorted().boxed().toList();
  }

  private static List<Long> seeds(Options options) {
    return LongStream.range(options.getSeed(), options.getSeed() + options.getSeeds())
        .boxed()
        .toList();
  }

  private static void train(Options options, String stage, ProbeSpec spec) throws IOException {
    List<Long> missing = new ArrayList<>();
    for (long seed : seeds(options)) {
      if (!spec.result(seed).exists()) {
        missing.add(seed);
      }
    }
    if (missing.isEmpty()) {
      return;
    }
    FlinkTarget target = FlinkTarget.of(options);
    StageProgress progress =
        StageProgress.of(stage + " heads", (long) missing.size() * spec.config().epochs(), options);
    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Seeds", Create.of(missing))
        .apply("Spread", Reshuffle.viaRandomKey())
        .apply("Train", ParDo.of(new ProbeFn(spec, target.threadsPerTask(), progress)));
    progress.run(pipeline);
  }

  private static void print(ProbeResult found, String output, PrintStream out) {
    out.printf(
        "Linear probe: %d validation images, %d classes, %d train images, %d seeds:%n",
        found.validationImages(), found.classes(), found.trainImages(), found.seeds().size());
    out.printf("  top-1 %s   top-5 %s%n", found.top1().text(), found.top5().text());
    if (found.vectors().size() > 1) {
      found
          .vectors()
          .forEach((vector, top1) -> out.printf("  top-1 %s   %s%n", top1.text(), vector));
    }
    out.println(
        "± is the half of the 95 %% confidence interval over seeds; written to %s/probe.json"
            .formatted(output));
  }
}
