package dev.beit2.pipelines.eval;

import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.store.Hold;
import dev.beit2.model.eval.Backbone;
import dev.beit2.model.eval.FeatureChoice;
import dev.beit2.model.eval.NeighbourSearch;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.run.OutputFolder;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.Sum;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.values.PCollectionView;

/** Measures the k-NN accuracy of a backbone's features on labeled images; nothing is trained. */
public final class Evaluate {
  static final String NAME = "evaluate";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "k-NN accuracy of a backbone",
              "Classifies validation images by their nearest training images, once by a backbone's [CLS] feature and once by "
                  + "the mean of its patch features (k-NN, cosine, temperature 0.07, as in DINO's evaluation).",
              Options.class,
              options -> {
                print(run(options, NAME), options.getOutput(), System.out);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors())
          .withTemplate(
              Stream.of(
                      "backbone",
                      "precision",
                      "seed",
                      "format",
                      "greyRange",
                      "maxPixels",
                      "maxImageMegabytes")
                  .collect(Collectors.toMap(option -> option, option -> MeasuredSets.ONE_JOB)));

  private static final int MOST_NEIGHBOURS = 1000;
  private static final int MOST_QUERIES = 8192;

  /** The heap of all tasks of a JVM together. */
  private static final long HEAP_BYTES = 512L << 20;

  private Evaluate() {}

  /** The features by which neighbours are found. */
  public enum Feature {
    CLS,
    MEAN
  }

  /** The options of {@code ./beit2 evaluate}. */
  public interface Options extends MeasureOptions {
    @Description(
        "Labelled images to classify, of the same classes, or a folder of extract-features. Left out: only with "
            + "--leaveOneOut.")
    @Location(Location.Kind.INPUT)
    String getValidation();

    void setValidation(String validation);

    @Description(
        "Whether to classify each image of --train and --validation by all the others of both. On a few hundred images this "
            + "is less noisy.")
    @Default.Boolean(false)
    boolean getLeaveOneOut();

    void setLeaveOneOut(boolean leaveOneOut);

    @Description(
        "Numbers of neighbours, measured in one pass: 10,20,100,200 are those of DINO's evaluation. The first one is that of "
            + "the summary.")
    @Default.String("10")
    String getK();

    void setK(String k);

    @Description("The feature by which neighbours are found. Left out: once by each.")
    Feature getFeature();

    void setFeature(Feature feature);

    @Description("Whether to measure an untrained backbone of the same shape as well.")
    @Default.Boolean(false)
    boolean getUntrained();

    void setUntrained(boolean untrained);

    @Description("Seed of the untrained backbone's initial values.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);
  }

  /** {@code ./beit2 evaluate}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Measures the accuracy and writes {@code evaluation.json}.
   *
   * @param stage name for progress messages
   * @throws InvalidOptionException if images or backbone are not what the options promise
   */
  public static Evaluation run(Options options, String stage) throws IOException {
    List<Integer> ks = ks(options.getK());
    List<String> vectors = vectors(options);
    if (options.getValidation() == null && !options.getLeaveOneOut()) {
      throw new InvalidOptionException(
          "--validation",
          "nothing",
          "labelled images to classify, or --leaveOneOut, which classifies those of --train");
    }
    MeasuredSets prepared =
        new MeasuredSets(
                stage, options, FeatureChoice.POOLED, options.getUntrained(), options.getSeed())
            .with("--train", options.getTrain());
    if (options.getValidation() != null) {
      prepared.with("--validation", options.getValidation());
    }
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      List<MeasuredSet> sets = prepared.prepare(vectors);
      boolean leaveOneOut = options.getLeaveOneOut();
      Knn knn =
          new Knn(
              leaveOneOut ? sets : sets.subList(0, 1),
              leaveOneOut ? sets : sets.subList(1, 2),
              leaveOneOut,
              vectors,
              ks);
      classify(options, stage, knn, sets.get(0).manifest());
      Evaluation found = Evaluation.read(options.getOutput());
      prepared.deleteComputed();
      return found;
    }
  }

  private static List<Integer> ks(String given) {
    TreeSet<Integer> sorted = new TreeSet<>();
    List<Integer> ks = new ArrayList<>();
    for (String k : given.split(",", -1)) {
      if (!k.matches("[1-9]\\d{0,3}")
          || Integer.parseInt(k) > MOST_NEIGHBOURS
          || !sorted.add(Integer.parseInt(k))) {
        throw new InvalidOptionException(
            "--k=" + given,
            k.isEmpty() ? "nothing" : k,
            "different numbers from 1 to " + MOST_NEIGHBOURS + ", such as 10,20,100,200");
      }
      ks.add(Integer.parseInt(k));
    }
    return ks;
  }

  private static List<String> vectors(Options options) {
    List<String> vectors =
        options.getFeature() == null
            ? List.of(Backbone.CLS, Backbone.MEAN)
            : List.of(options.getFeature() == Feature.CLS ? Backbone.CLS : Backbone.MEAN);
    List<String> all = new ArrayList<>(vectors);
    if (options.getUntrained()) {
      vectors.forEach(vector -> all.add(BackboneSet.UNTRAINED + vector));
    }
    return all;
  }

  private static void classify(Options options, String stage, Knn knn, FeatureManifest searched) {
    FlinkTarget target = FlinkTarget.of(options);
    int tasks = Math.max(1, target.flink() ? target.parallelism() : FlinkTarget.processors());
    List<Knn.Block> blocks = blocks(knn, searched, tasks);
    long steps =
        (long) blocks.size() * knn.vectors().size() * new FeatureSequence(knn.known()).blocks();
    StageProgress progress = StageProgress.of(stage + " k-NN", steps, options);
    Pipeline pipeline = Pipeline.create(options);
    PCollectionView<Map<String, Long>> counts =
        pipeline
            .apply("Images", Create.of(blocks).withCoder(Knn.Block.CODER))
            .apply("Spread", Reshuffle.viaRandomKey())
            .apply("Classify", ParDo.of(new KnnFn(knn, target.threadsPerTask(), progress)))
            .apply("Add up", Sum.longsPerKey())
            .apply("Counts", View.asMap());
    pipeline
        .apply("Output", Create.of(target.path(options.getOutput())))
        .apply(
            "Write",
            ParDo.of(new WriteEvaluationFn(searched.metadata().backbone(), knn, counts))
                .withSideInputs(counts));
    progress.run(pipeline);
  }

  /**
   * The images to classify in blocks: each task holds one and reads all features that are searched,
   * so blocks are as large as the heap allows, and the same number for each task.
   */
  private static List<Knn.Block> blocks(Knn knn, FeatureManifest searched, int tasks) {
    int dim = knn.vectors().stream().mapToInt(searched::size).max().orElseThrow();
    long most =
        Math.min(
            MOST_QUERIES,
            Math.max(1, HEAP_BYTES / tasks / NeighbourSearch.bytesPerQuery(dim, knn.most())));
    long images = new FeatureSequence(knn.asked()).size();
    long count = (images + most * tasks - 1) / (most * tasks) * tasks;
    List<Knn.Block> blocks = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      long from = images * i / count;
      long to = images * (i + 1) / count;
      if (from < to) {
        blocks.add(new Knn.Block(from, to));
      }
    }
    return blocks;
  }

  private static void print(Evaluation found, String output, PrintStream out) {
    out.printf(
        Boolean.TRUE.equals(found.leaveOneOut())
            ? "k-NN accuracy of %d images, %d classes, each by the %d others:%n"
            : "k-NN accuracy of %d validation images, %d classes, by %d train images:%n",
        found.validationImages(),
        found.classes(),
        found.trainImages());
    out.printf("  %-18s %5s  %s%n", "feature", "k", "top-1            top-5");
    for (Evaluation.Measure measure : found.measures()) {
      out.printf(
          "  %-18s %5d  %.3f ± %.3f    %.3f%n",
          measure.feature(), measure.k(), measure.top1(), measure.top1Error(), measure.top5());
    }
    if (found.clsGainError() != null) {
      out.printf(
          "  gain of cls   %+.3f ± %.3f%n",
          found.cls() - found.untrainedCls(), found.clsGainError());
    }
    if (found.meanGainError() != null) {
      out.printf(
          "  gain of mean  %+.3f ± %.3f%n",
          found.mean() - found.untrainedMean(), found.meanGainError());
    }
    out.println("± is the standard error; written to " + output + "/evaluation.json");
  }
}
