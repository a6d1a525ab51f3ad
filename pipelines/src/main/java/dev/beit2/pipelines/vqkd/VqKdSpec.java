package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.tokenizer.CodebookUpdate;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan;
import dev.beit2.pipelines.train.TrainingSpec;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.annotation.Nullable;

/** A tokenizer's training, as the launcher has planned it. */
record VqKdSpec(
    TrainingPlan plan,
    VqKdConfig network,
    TeacherSource teacher,
    CodebookUpdate codebookUpdate,
    AdamWConfig optimizer,
    ImageSource images,
    @Nullable ImageSource validation,
    DecodingLimits limits,
    Augmentation augmentation,
    long seed,
    Precision precision,
    boolean activationCheckpointing)
    implements TrainingSpec {
  private static final long serialVersionUID = 1L;
  private static final String VALIDATION = "--validation";

  /** In the run's folder, while the command runs, or the job of a template. */
  private static final String INDEX = ".images.index";

  /** Below this fraction of codes in use people are warned. */
  private static final double LEAST_USAGE = 0.5;

  /**
   * Plans the training that options describe.
   *
   * @param stage name of the run in progress lines
   * @param count images of the data set
   */
  static VqKdSpec of(TrainTokenizer.Options options, String stage, ImageSource images, long count)
      throws IOException {
    TokenizerRecipe recipe = TokenizerRecipe.of(options.getPreset());
    int reviveAfter =
        options.getReviveDeadCodesAfter() != null
            ? options.getReviveDeadCodesAfter()
            : TokenizerRecipe.reviveDeadCodesAfter(count);
    if (options.getWorkers() > 1 && reviveAfter > 0) {
      // Each worker would revive a code to another vector, and nobody has chosen their mean.
      throw new InvalidOptionException(
          "--workers=" + options.getWorkers(),
          "dead codes that are revived after %d batches of one worker, with %d images"
              .formatted(reviveAfter, count),
          "one worker, or --reviveDeadCodesAfter=0");
    }
    TeacherSource teacher = TeacherSource.of(options.getTeacher(), options, options.getPatchSize());
    RunConfig config =
        TrainingPlan.config(TrainTokenizer.NAME, TrainTokenizer.Options.class, options, recipe)
            .with("reviveDeadCodesAfter", Integer.toString(reviveAfter))
            .with("teacher", teacher.configured());
    return new VqKdSpec(
        TrainingPlan.of(stage, config, options, count, options.getInputSize(), recipe),
        network(options, recipe, teacher, reviveAfter),
        teacher,
        options.getCodebookUpdate(),
        TrainingPlan.optimizer(options),
        images,
        validation(options),
        ImageSourceOptions.decoding(options),
        Augmentation.randomResizedCrop(options.getMinCropScale())
            .withJitter(options.getColorJitter()),
        options.getSeed(),
        options.getPrecision(),
        options.getRecompute());
  }

  @Nullable
  private static ImageSource validation(TrainTokenizer.Options options) {
    if (options.getValidation() == null) {
      return null;
    }
    ImageSource source = Inputs.source(VALIDATION, options.getValidation(), options);
    Inputs.summary(VALIDATION, source); // fails now if there is none
    return source;
  }

  private static VqKdConfig network(
      TrainTokenizer.Options options,
      TokenizerRecipe recipe,
      TeacherSource teacher,
      int reviveAfter)
      throws IOException {
    int patch = options.getPatchSize();
    VitConfig encoder = TrainingPlan.withInput(recipe.encoder(), options.getInputSize(), patch);
    VitConfig decoder =
        encoder
            .withInput(encoder.grid(), 1, options.getCodeDimension())
            .withDepth(options.getDecoderDepth());
    return new VqKdConfig(
        encoder,
        decoder,
        options.getCodebookSize(),
        options.getCodeDimension(),
        teacher.dimension(encoder.grid()),
        options.getCodebookDecay(),
        options.getCommitmentWeight(),
        reviveAfter);
  }

  /** Lists the images. Workers in this JVM share them as long as the launcher holds them. */
  static SharedInJvm<ImageDataset> list(ImageSource images) throws IOException {
    return SharedInJvm.acquire(ImageDataset.class, images, () -> Inputs.dataset("--input", images));
  }

  /** The images as the launcher has listed them, opened once per JVM. */
  SharedInJvm<ImageDataset> dataset() throws IOException {
    return SharedInJvm.acquire(
        ImageDataset.class, images, () -> ImageDataset.open(images, index()));
  }

  private StoredFile index() {
    return StoredFile.in(plan.output(), INDEX);
  }

  /** Tells workers in other JVMs where the images are, so that no worker lists them. */
  @Override
  public Closeable prepareWorkers() throws IOException {
    try (SharedInJvm<ImageDataset> listed = dataset()) {
      listed.get().writeIndex(index());
    }
    return index()::deleteIfExists;
  }

  @Override
  public boolean validates() {
    return validation != null;
  }

  @Override
  public Map<String, Double> validate(ReadableByteChannel model) throws IOException {
    try (SharedInJvm<ImageDataset> held =
        SharedInJvm.acquire(
            ImageDataset.class, validation, () -> Inputs.dataset(VALIDATION, validation))) {
      return new Validation(this).measure(held.get(), model);
    }
  }

  @Override
  public Optional<String> warning(Map<String, Double> metrics) {
    Double usage = metrics.get(Validation.CODE_USAGE);
    return usage == null || usage >= LEAST_USAGE
        ? Optional.empty()
        : Optional.of(
            String.format(
                Locale.ROOT,
                "only %.0f %% of the codes are in use; --reviveDeadCodesAfter=10, a lower"
                    + " --codebookDecay or a smaller --codebookSize prevents a collapse",
                100 * usage));
  }

  @Override
  public TrainingTask<?, ?> open(RunPosition from) throws IOException {
    return VqKdTraining.open(this, from);
  }
}
