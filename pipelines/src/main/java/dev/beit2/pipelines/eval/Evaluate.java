package dev.beit2.pipelines.eval;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.source.ImageDatasetIO;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.PrecisionOptions;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RejectedNote;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.View;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.PCollectionView;

/** Measures the k-NN accuracy of a backbone's features on labeled images; nothing is trained. */
public final class Evaluate {
  static final String NAME = "evaluate";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "k-NN accuracy of a backbone",
              "Classifies validation images by their nearest training images, once by a backbone's [CLS] feature and once by "
                  + "the mean of its patch features (k-NN, k = 10, cosine, temperature 0.07).",
              Options.class,
              options -> {
                print(run(options, NAME), options.getOutput());
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors());

  private Evaluate() {}

  /** The options of {@code ./beit2 evaluate}. */
  public interface Options extends ImageSourceOptions, PrecisionOptions {
    @Description(
        "The backbone: a run of ./beit2 pretrain, one of its checkpoints, or a file: model.safetensors, or a .pth of the "
            + "official code, pretrained or fine-tuned.")
    @Validation.Required
    String getBackbone();

    void setBackbone(String backbone);

    @Description(
        "Labelled images among which neighbours are searched: a folder with one subfolder per class, an archive, or several "
            + "files by a glob or braces; see --format.")
    @Validation.Required
    String getTrain();

    void setTrain(String train);

    @Description(
        "Labelled images to classify, of the same classes. Left out: only with --leaveOneOut.")
    String getValidation();

    void setValidation(String validation);

    @Description(
        "Whether to classify each image of --train and --validation by all the others of both. On a few hundred images this "
            + "is less noisy.")
    @Default.Boolean(false)
    boolean getLeaveOneOut();

    void setLeaveOneOut(boolean leaveOneOut);

    @Description("Folder for evaluation.json.")
    @Validation.Required
    String getOutput();

    void setOutput(String output);

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
    List<LabeledSet> sets = sets(options);
    for (LabeledSet set : sets) {
      Inputs.printNotes(stage, set.source(), set.summary());
    }
    StoredFile backbone = Inputs.modelFile("--backbone", options.getBackbone());
    BackboneSet.Source backbones =
        new BackboneSet.Source(
            backbone.path(), options.getPrecision(), options.getUntrained(), options.getSeed());
    // Report a wrong file before any job starts.
    try (BackboneSet opened = backbones.open()) {
      opened
          .note()
          .ifPresent(note -> Inputs.printNote(stage, options.getBackbone() + " is " + note));
    }
    StageProgress progress = StageProgress.of(stage, total(sets), options);
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      RejectedNote.removeOld(options.getOutput());
      progress.run(pipeline(options, sets, backbones, progress));
      RejectedNote.print(stage, options.getOutput());
      return Evaluation.read(options.getOutput());
    }
  }

  /** Labelled images that an option names. */
  private record LabeledSet(String option, ImageSource source, ImageSource.Summary summary) {
    static LabeledSet of(String option, String path, Options options) {
      ImageSource source = Inputs.source(option, path, options);
      ImageSource.Summary summary = Inputs.summary(option, source);
      if (summary.unlabelled() != null) {
        throw new InvalidOptionException(
            option + "=" + source.path(), summary.unlabelled(), "labelled images");
      }
      return new LabeledSet(option, source, summary);
    }

    /** The option without its dashes. */
    String name() {
      return option.substring(2);
    }
  }

  /** The train images and, if there are any, the validation images. */
  private static List<LabeledSet> sets(Options options) {
    LabeledSet train = LabeledSet.of("--train", options.getTrain(), options);
    if (options.getValidation() != null) {
      LabeledSet validation = LabeledSet.of("--validation", options.getValidation(), options);
      requireSameClasses(train, validation);
      return List.of(train, validation);
    }
    if (options.getLeaveOneOut()) {
      return List.of(train);
    }
    throw new InvalidOptionException(
        "--validation",
        "nothing",
        "labelled images to classify, or --leaveOneOut, which classifies those of --train");
  }

  /** The number of images, or 0 if it is not known. */
  private static long total(List<LabeledSet> sets) {
    return sets.stream().allMatch(set -> set.summary().images().isPresent())
        ? sets.stream().mapToLong(set -> set.summary().images().getAsLong()).sum()
        : 0;
  }

  private static Pipeline pipeline(
      Options options,
      List<LabeledSet> sets,
      BackboneSet.Source backbones,
      StageProgress progress) {
    Pipeline pipeline = Pipeline.create(options);
    ExtractFeatures extract =
        new ExtractFeatures(
            backbones,
            DecodingOptions.limits(options),
            FlinkTarget.of(options).threadsPerTask(),
            progress);
    List<PCollectionView<Iterable<ImageFeatures>>> views = new ArrayList<>();
    PCollectionList<RejectedImage> rejected = PCollectionList.empty(pipeline);
    for (LabeledSet set : sets) {
      String name = set.name();
      PCollectionTuple images = pipeline.apply("Read " + name, ImageDatasetIO.read(set.source()));
      PCollectionTuple features =
          images
              .get(ImageDatasetIO.IMAGES)
              .apply(
                  "Labels of " + name,
                  ParDo.of(new RequireLabelFn(set.option() + "=" + set.source().path())))
              .apply("Features of " + name, extract);
      views.add(features.get(ExtractFeatures.FEATURES).apply("Gather " + name, View.asIterable()));
      rejected =
          rejected
              .and(features.get(ExtractFeatures.REJECTED))
              .and(images.get(ImageDatasetIO.REJECTED));
    }
    pipeline
        .apply("Output", Create.of(options.getOutput()))
        .apply(
            "Measure",
            ParDo.of(new MeasureFn(backbones.name(), views, options.getLeaveOneOut()))
                .withSideInputs(views));
    rejected
        .apply("All rejected", Flatten.pCollections())
        .apply("Write rejected", RejectedImages.write(RejectedNote.folder(options.getOutput())));
    return pipeline;
  }

  /** Only compares names: some formats number the classes and do not name them. */
  private static void requireSameClasses(LabeledSet train, LabeledSet validation) {
    List<String> known = train.summary().classes();
    List<String> found = validation.summary().classes();
    if (!known.isEmpty() && !found.isEmpty() && !found.equals(known)) {
      throw new InvalidOptionException(
          "--validation=" + validation.source().path(),
          "the classes " + firstNames(found),
          "those of --train=%s: %s".formatted(train.source().path(), firstNames(known)));
    }
  }

  private static String firstNames(List<String> classes) {
    int shown = 10;
    return classes.size() <= shown
        ? String.join(", ", classes)
        : String.join(", ", classes.subList(0, shown)) + ", … (" + classes.size() + ")";
  }

  private static void print(Evaluation found, String output) {
    System.out.printf(
        Boolean.TRUE.equals(found.leaveOneOut())
            ? "k-NN accuracy of %d images, %d classes, by %d of the %d others:%n"
            : "k-NN accuracy of %d validation images, %d classes, by %d of %d train images:%n",
        found.validationImages(),
        found.classes(),
        found.neighbours(),
        found.trainImages());
    System.out.printf(
        "  [CLS] %.3f ± %.3f   mean of patches %.3f ± %.3f%n",
        found.cls(), found.clsError(), found.mean(), found.meanError());
    if (found.untrainedCls() != null) {
      System.out.printf(
          "  [CLS] %.3f           mean of patches %.3f           untrained%n",
          found.untrainedCls(), found.untrainedMean());
      System.out.printf(
          "  [CLS] %+.3f ± %.3f  mean of patches %+.3f ± %.3f  gain%n",
          found.cls() - found.untrainedCls(),
          found.clsGainError(),
          found.mean() - found.untrainedMean(),
          found.meanGainError());
    }
    System.out.println("± is the standard error; written to " + output + "/evaluation.json");
  }

  private static final class RequireLabelFn extends DoFn<ImageRecord, ImageRecord> {
    private static final long serialVersionUID = 1L;

    private final String option;

    RequireLabelFn(String option) {
      this.option = option;
    }

    @ProcessElement
    public void processElement(@Element ImageRecord image, OutputReceiver<ImageRecord> labeled) {
      if (image.label() == null) {
        throw new InvalidOptionException(
            option, "the image " + image.key() + " without a label", "labelled images");
      }
      labeled.output(image);
    }
  }
}
