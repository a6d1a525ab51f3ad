package dev.beit2.pipelines.finetune;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RandAugment;
import dev.beit2.io.image.RandomErasing;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.recipe.FineTuningRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.PretrainedBackbone;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan;
import dev.beit2.pipelines.train.TrainingSpec;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import javax.annotation.Nullable;

/**
 * A fine-tuning, as the launcher has planned it.
 *
 * @param backbone where the initial values come from; null if they are random
 */
record FineTuningSpec(
    TrainingPlan plan,
    ClassifierConfig network,
    @Nullable PretrainedBackbone<ClassifierConfig> backbone,
    AdamWConfig optimizer,
    double layerDecay,
    ImageSource images,
    @Nullable ImageSource validation,
    DecodingLimits limits,
    Augmentation augmentation,
    RandAugment randAugment,
    RandomErasing randomErasing,
    Mixing mixing,
    double labelSmoothing,
    long seed,
    Precision precision,
    boolean activationCheckpointing)
    implements TrainingSpec {
  private static final long serialVersionUID = 1L;
  private static final String VALIDATION = "--validation";

  /**
   * Plans the training that options describe.
   *
   * @param stage name of the run in progress lines
   * @param images of {@code source}
   * @throws InvalidOptionException if the backbone cannot be fine-tuned like this, or the sets of
   *     images do not have the same classes
   */
  static FineTuningSpec of(
      FineTuneClassifier.Options options, String stage, ImageSource source, ImageDataset images)
      throws IOException {
    FineTuningRecipe recipe = FineTuningRecipe.of(options.getPreset());
    int classes = classes(options, images.classes());
    PretrainedBackbone<ClassifierConfig> backbone =
        PretrainedBackbone.read(
            FlinkTarget.of(options).path(options.getBackbone()),
            found -> network(options, found, classes));
    DecodingLimits decoding =
        ImageSourceOptions.decoding(
            options, stage, "--backbone=" + options.getBackbone(), backbone.greyRange());
    ClassifierConfig network = backbone.network();
    int side = network.backbone().imageSize();
    RunConfig config =
        TrainingPlan.config(
                FineTuneClassifier.NAME, FineTuneClassifier.Options.class, options, recipe)
            // Its content matters, not its path.
            .with("backbone", backbone.digest())
            .with("classes", Integer.toString(classes))
            .with("inputSize", Integer.toString(side))
            .with("greyRange", Objects.toString(decoding.greyRange(), null));
    TrainingPlan plan = TrainingPlan.of(stage, config, options, images.size(), side, recipe);
    return new FineTuningSpec(
        plan,
        network,
        options.getUntrained() ? null : backbone,
        TrainingPlan.optimizer(options),
        options.getLayerDecay(),
        source,
        validation(options, images.classes()),
        decoding,
        Augmentation.randomResizedCrop(options.getMinCropScale()),
        options.getRandAugment() == 0 ? RandAugment.NONE : RandAugment.of(options.getRandAugment()),
        new RandomErasing(options.getRandomErasing()),
        mixing(options, plan),
        options.getLabelSmoothing(),
        options.getSeed(),
        options.getPrecision(),
        options.getRecompute());
  }

  private static int classes(FineTuneClassifier.Options options, List<String> names) {
    if (options.getClasses() == null && names.isEmpty()) {
      throw new InvalidOptionException(
          "--input=" + options.getInput(),
          "images whose classes have no names",
          "--classes, how many there are");
    }
    if (options.getClasses() != null && options.getClasses() < names.size()) {
      throw new InvalidOptionException(
          "--classes=" + options.getClasses(),
          names.size() + " names of classes in --input=" + options.getInput(),
          "at least as many");
    }
    return options.getClasses() != null ? options.getClasses() : names.size();
  }

  private static ClassifierConfig network(
      FineTuneClassifier.Options options, VitConfig backbone, int classes) {
    int side = options.getInputSize() == null ? backbone.imageSize() : options.getInputSize();
    if (side % backbone.patchSize() != 0) {
      throw new InvalidOptionException(
          "--inputSize=" + side,
          "patches of %d pixels in --backbone=%s"
              .formatted(backbone.patchSize(), options.getBackbone()),
          "a multiple of them");
    }
    VitConfig tuned =
        backbone
            .withInput(side, backbone.patchSize(), backbone.channels())
            .withPositions(
                backbone.positions() == Positions.ABSOLUTE
                    ? Positions.ABSOLUTE
                    : Positions.RELATIVE)
            .withDropPath(options.getDropPath());
    return new ClassifierConfig(tuned, classes, !options.getUseCls());
  }

  /** Neighbours are mixed, so batches, micro-batches and groups are made of pairs. */
  private static Mixing mixing(FineTuneClassifier.Options options, TrainingPlan plan) {
    Mixing mixing = new Mixing(options.getMixup(), options.getCutmix(), options.getMixedImages());
    if (mixing.mixes()) {
      requirePairs("--mixedImages=" + mixing.images(), mixing.images());
      requirePairs("--batchSize=" + plan.batchSize(), plan.batchSize());
      for (int images : List.of(plan.microBatch().onProcessor(), plan.microBatch().onGpu())) {
        requirePairs("--microBatch=" + images, images);
      }
    }
    return mixing;
  }

  private static void requirePairs(String given, int images) {
    if (images % 2 != 0) {
      throw new InvalidOptionException(
          given,
          "mixup or cutmix, which mix two images with each other",
          "an even number, or --mixup=0 --cutmix=0");
    }
  }

  @Nullable
  private static ImageSource validation(FineTuneClassifier.Options options, List<String> classes) {
    if (options.getValidation() == null) {
      return null;
    }
    ImageSource source = labelled(VALIDATION, options.getValidation(), options);
    ClassNames.requireSame(
        VALIDATION + "=" + options.getValidation(),
        Inputs.summary(VALIDATION, source).classes(),
        "--input=" + options.getInput(),
        classes);
    return source;
  }

  /**
   * Locates a set of labelled images.
   *
   * @throws InvalidOptionException if there is none, or its images have no labels
   */
  static ImageSource labelled(String option, String path, ImageSourceOptions options) {
    ImageSource source = Inputs.source(option, path, options);
    String unlabelled = Inputs.summary(option, source).unlabelled();
    if (unlabelled != null) {
      throw new InvalidOptionException(option + "=" + path, unlabelled, "labelled images");
    }
    return source;
  }

  /** The images, indexed once per JVM. */
  static SharedInJvm<ImageDataset> dataset(String option, ImageSource images) throws IOException {
    return SharedInJvm.acquire(ImageDataset.class, images, () -> Inputs.dataset(option, images));
  }

  /**
   * Checks the label of an image.
   *
   * @throws UndecodableImageException if it has none, or not one of the classes
   */
  void requireLabel(ImageRecord image) throws UndecodableImageException {
    if (image.label() == null) {
      throw new UndecodableImageException("no label");
    }
    if (image.label() < 0 || image.label() >= network.classes()) {
      throw new UndecodableImageException(
          "label %d of %d classes".formatted(image.label(), network.classes()));
    }
  }

  @Override
  public boolean validates() {
    return validation != null;
  }

  @Override
  public Map<String, Double> validate(ReadableByteChannel model) throws IOException {
    try (SharedInJvm<ImageDataset> held = dataset(VALIDATION, validation)) {
      return new Validation(this).measure(held.get(), model);
    }
  }

  @Override
  public TrainingTask<?, ?> open(RunPosition from) throws IOException {
    return FineTuning.open(this, from);
  }
}
