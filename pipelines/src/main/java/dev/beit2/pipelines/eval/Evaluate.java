package dev.beit2.pipelines.eval;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.source.ImageDatasetIO;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.store.Hold;
import dev.beit2.model.eval.NearestNeighbours;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.PrecisionOptions;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RejectedNote;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.util.Comparator;
import java.util.List;
import java.util.stream.StreamSupport;
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

  private static final int NEIGHBOURS = 10;
  private static final double TEMPERATURE = 0.07;

  private Evaluate() {}

  /** The options of {@code ./beit2 evaluate}. */
  public interface Options extends ImageSourceOptions, PrecisionOptions {
    @Description("The backbone: a run of ./beit2 pretrain, or one of its checkpoints.")
    @Validation.Required
    String getBackbone();

    void setBackbone(String backbone);

    @Description(
        "Labelled images among which neighbours are searched: a folder with one subfolder per class, an archive, or several "
            + "files by a glob or braces; see --format.")
    @Validation.Required
    String getTrain();

    void setTrain(String train);

    @Description("Labelled images to classify, of the same classes.")
    @Validation.Required
    String getValidation();

    void setValidation(String validation);

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
    ImageSource train = Inputs.source("--train", options.getTrain(), options);
    ImageSource validation = Inputs.source("--validation", options.getValidation(), options);
    ImageSource.Summary trainImages = labeled("--train", train);
    ImageSource.Summary validationImages = labeled("--validation", validation);
    requireSameClasses(options, trainImages, validationImages);
    Inputs.printNotes(stage, train, trainImages);
    Inputs.printNotes(stage, validation, validationImages);
    Checkpoint checkpoint = RunDirectory.locate("--backbone", options.getBackbone());
    BackboneSet.Source backbones =
        new BackboneSet.Source(
            checkpoint.directory(),
            options.getPrecision(),
            options.getUntrained(),
            options.getSeed());
    // Report a wrong checkpoint before any job starts.
    backbones.open().close();
    StageProgress progress = StageProgress.of(stage, total(trainImages, validationImages), options);
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      RejectedNote.removeOld(options.getOutput());
      progress.run(pipeline(options, train, validation, backbones, progress));
      RejectedNote.print(stage, options.getOutput());
      return Evaluation.read(options.getOutput());
    }
  }

  /** The number of images, or 0 if it is not known. */
  private static long total(ImageSource.Summary train, ImageSource.Summary validation) {
    return train.images().isPresent() && validation.images().isPresent()
        ? train.images().getAsLong() + validation.images().getAsLong()
        : 0;
  }

  private static Pipeline pipeline(
      Options options,
      ImageSource train,
      ImageSource validation,
      BackboneSet.Source backbones,
      StageProgress progress) {
    Pipeline pipeline = Pipeline.create(options);
    ExtractFeatures extract =
        new ExtractFeatures(
            backbones,
            DecodingOptions.limits(options),
            FlinkTarget.of(options).threadsPerTask(),
            progress);
    PCollectionTuple trainImages = pipeline.apply("Read train", ImageDatasetIO.read(train));
    PCollectionTuple validationImages =
        pipeline.apply("Read validation", ImageDatasetIO.read(validation));
    PCollectionTuple trainFeatures =
        trainImages
            .get(ImageDatasetIO.IMAGES)
            .apply("Labels of train", ParDo.of(new RequireLabelFn("--train=" + options.getTrain())))
            .apply("Features of train", extract);
    PCollectionTuple validationFeatures =
        validationImages
            .get(ImageDatasetIO.IMAGES)
            .apply(
                "Labels of validation",
                ParDo.of(new RequireLabelFn("--validation=" + options.getValidation())))
            .apply("Features of validation", extract);
    PCollectionView<Iterable<ImageFeatures>> trainView =
        trainFeatures.get(ExtractFeatures.FEATURES).apply("Gather train", View.asIterable());
    PCollectionView<Iterable<ImageFeatures>> validationView =
        validationFeatures
            .get(ExtractFeatures.FEATURES)
            .apply("Gather validation", View.asIterable());
    pipeline
        .apply("Output", Create.of(options.getOutput()))
        .apply(
            "Measure",
            ParDo.of(new MeasureFn(backbones.checkpoint(), trainView, validationView))
                .withSideInputs(trainView, validationView));
    PCollectionList.of(trainFeatures.get(ExtractFeatures.REJECTED))
        .and(validationFeatures.get(ExtractFeatures.REJECTED))
        .and(trainImages.get(ImageDatasetIO.REJECTED))
        .and(validationImages.get(ImageDatasetIO.REJECTED))
        .apply("All rejected", Flatten.pCollections())
        .apply("Write rejected", RejectedImages.write(RejectedNote.folder(options.getOutput())));
    return pipeline;
  }

  private static ImageSource.Summary labeled(String option, ImageSource source) {
    ImageSource.Summary images = Inputs.summary(option, source);
    if (images.unlabelled() != null) {
      throw new InvalidOptionException(
          option + "=" + source.path(), images.unlabelled(), "labelled images");
    }
    return images;
  }

  /** Only compares names: some formats number the classes and do not name them. */
  private static void requireSameClasses(
      Options options, ImageSource.Summary train, ImageSource.Summary validation) {
    boolean named = !train.classes().isEmpty() && !validation.classes().isEmpty();
    if (named && !train.classes().equals(validation.classes())) {
      throw new InvalidOptionException(
          "--validation=" + options.getValidation(),
          "the classes " + firstNames(validation.classes()),
          "those of --train=" + options.getTrain() + ": " + firstNames(train.classes()));
    }
  }

  private static String firstNames(List<String> classes) {
    int shown = 10;
    return classes.size() <= shown
        ? String.join(", ", classes)
        : String.join(", ", classes.subList(0, shown)) + ", … (" + classes.size() + ")";
  }

  private static void print(Evaluation evaluation, String output) {
    System.out.printf(
        "k-NN accuracy of %d validation images, %d classes, by %d of %d train images:%n",
        evaluation.validationImages(),
        evaluation.classes(),
        evaluation.neighbours(),
        evaluation.trainImages());
    System.out.printf("  [CLS] %.3f   mean of patches %.3f%n", evaluation.cls(), evaluation.mean());
    if (evaluation.untrainedCls() != null) {
      System.out.printf(
          "  [CLS] %.3f   mean of patches %.3f   untrained%n",
          evaluation.untrainedCls(), evaluation.untrainedMean());
    }
    System.out.println("written to " + output + "/evaluation.json");
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

  /** Input: the folder to write {@code evaluation.json} to. */
  private static final class MeasureFn extends DoFn<String, Void> {
    private static final long serialVersionUID = 1L;

    private final String backbone;
    private final PCollectionView<Iterable<ImageFeatures>> train;
    private final PCollectionView<Iterable<ImageFeatures>> validation;

    MeasureFn(
        String backbone,
        PCollectionView<Iterable<ImageFeatures>> train,
        PCollectionView<Iterable<ImageFeatures>> validation) {
      this.backbone = backbone;
      this.train = train;
      this.validation = validation;
    }

    @ProcessElement
    public void processElement(ProcessContext context) throws IOException {
      List<ImageFeatures> trainImages = sorted(context.sideInput(train));
      List<ImageFeatures> validationImages = sorted(context.sideInput(validation));
      if (trainImages.isEmpty() || validationImages.isEmpty()) {
        throw new InvalidOptionException(
            trainImages.isEmpty() ? "--train" : "--validation",
            "no image that can be decoded",
            "at least one");
      }
      boolean untrained = trainImages.get(0).features().size() > 2;
      new Evaluation(
              backbone,
              trainImages.size(),
              validationImages.size(),
              (int) trainImages.stream().mapToInt(ImageFeatures::label).distinct().count(),
              NEIGHBOURS,
              TEMPERATURE,
              accuracy(trainImages, validationImages, 0),
              accuracy(trainImages, validationImages, 1),
              untrained ? accuracy(trainImages, validationImages, 2) : null,
              untrained ? accuracy(trainImages, validationImages, 3) : null)
          .write(context.element());
    }

    private static List<ImageFeatures> sorted(Iterable<ImageFeatures> images) {
      return StreamSupport.stream(images.spliterator(), false)
          .sorted(Comparator.comparing(ImageFeatures::key))
          .toList();
    }

    private static double accuracy(
        List<ImageFeatures> train, List<ImageFeatures> validation, int feature) {
      return NearestNeighbours.accuracy(
          features(train, feature),
          labels(train),
          features(validation, feature),
          labels(validation),
          NEIGHBOURS,
          TEMPERATURE);
    }

    private static float[][] features(List<ImageFeatures> images, int feature) {
      return images.stream().map(image -> image.features().get(feature)).toArray(float[][]::new);
    }

    private static int[] labels(List<ImageFeatures> images) {
      return images.stream().mapToInt(ImageFeatures::label).toArray();
    }
  }
}
