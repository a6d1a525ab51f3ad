package dev.beit2.pipelines.segment;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.SegmentationAugmentation;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.recipe.SegmentationRecipe;
import dev.beit2.model.segment.SegmenterConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.PretrainedBackbone;
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
 * A training of a segmenter, as the launcher has planned it.
 *
 * @param backbone where the initial values come from; null if they are random
 * @param classNames by label; empty if they are not known
 */
record SegmentationSpec(
    TrainingPlan plan,
    SegmenterConfig network,
    @Nullable PretrainedBackbone<SegmenterConfig> backbone,
    AdamWConfig optimizer,
    double layerDecay,
    double headDropout,
    MaskedImages training,
    @Nullable MaskedImages validation,
    List<String> classNames,
    DecodingLimits limits,
    SegmentationAugmentation augmentation,
    long seed,
    Precision precision,
    boolean activationCheckpointing)
    implements TrainingSpec {
  private static final long serialVersionUID = 1L;

  /** A batch norm divides by one less than the number of images. */
  private static final int FEWEST_IMAGES = 2;

  SegmentationSpec {
    classNames = List.copyOf(classNames);
  }

  /**
   * Plans the training that options describe.
   *
   * @param stage name of the run in progress lines
   * @param images of {@code training}
   * @throws InvalidOptionException if the backbone cannot be trained like this
   */
  static SegmentationSpec of(
      TrainSegmenter.Options options, String stage, MaskedImages training, ImageDataset images)
      throws IOException {
    SegmentationRecipe recipe = SegmentationRecipe.of(options.getPreset());
    PretrainedBackbone<SegmenterConfig> backbone =
        PretrainedBackbone.read(
            FlinkTarget.of(options).path(options.getBackbone()),
            found -> network(options, found, training.classes()));
    DecodingLimits decoding = DecodingOptions.limits(options);
    if (backbone.greyRange() != null) {
      decoding =
          decoding.withGreyRange(
              Inputs.greyRange("--backbone=" + options.getBackbone(), backbone.greyRange()));
    }
    RunConfig config =
        TrainingPlan.config(TrainSegmenter.NAME, TrainSegmenter.Options.class, options, recipe)
            // Its content matters, not its path.
            .with("backbone", backbone.digest())
            .with("classes", Integer.toString(training.classes()))
            .with("greyRange", Objects.toString(decoding.greyRange(), null))
            // Batch norms see a micro-batch, so the result depends on it.
            .with("microBatch", Integer.toString(microBatch(options, recipe)));
    return new SegmentationSpec(
        TrainingPlan.of(stage, config, options, images.size(), options.getInputSize(), recipe),
        backbone.network(),
        options.getUntrained() ? null : backbone,
        TrainingPlan.optimizer(options),
        options.getLayerDecay(),
        options.getHeadDropout(),
        training,
        validation(options),
        MaskedImages.names(
            StoredFile.withoutLastSlash(FlinkTarget.of(options).path(options.getInput()))),
        decoding,
        new SegmentationAugmentation(options.getInputSize()),
        options.getSeed(),
        options.getPrecision(),
        options.getRecompute());
  }

  @Nullable
  private static MaskedImages validation(TrainSegmenter.Options options) {
    if (options.getValidation() == null) {
      return null;
    }
    MaskedImages part = MaskedImages.part(options, options.getValidation());
    part.requireImages();
    return part;
  }

  /** Images of a micro-batch, on any device. */
  private static int microBatch(TrainSegmenter.Options options, SegmentationRecipe recipe) {
    int batch = options.getBatchSize();
    int wanted = recipe.microBatch().onProcessor();
    if (options.getMicroBatch() != null) {
      wanted = options.getMicroBatch();
    } else if (options.getAccumulate() != null) {
      wanted = Math.max(1, batch / options.getAccumulate());
    }
    int size = Math.min(wanted, batch);
    if (size < FEWEST_IMAGES || batch % size == 1) {
      throw new InvalidOptionException(
          "--batchSize=" + batch,
          "micro-batches of %d images, the last one of %d"
              .formatted(size, batch % size == 0 ? size : batch % size),
          "at least %d images in each, for the statistics of batch norms".formatted(FEWEST_IMAGES));
    }
    return size;
  }

  private static SegmenterConfig network(
      TrainSegmenter.Options options, VitConfig backbone, int classes) {
    int side = options.getInputSize();
    if (side % (2 * backbone.patchSize()) != 0) {
      throw new InvalidOptionException(
          "--inputSize=" + side,
          "patches of %d pixels in --backbone=%s"
              .formatted(backbone.patchSize(), options.getBackbone()),
          "an even number of them");
    }
    VitConfig tapped =
        backbone
            .withInput(side, backbone.patchSize(), backbone.channels())
            .withPositions(
                backbone.positions() == Positions.ABSOLUTE
                    ? Positions.ABSOLUTE
                    : Positions.RELATIVE)
            .withDropPath(options.getDropPath());
    return new SegmenterConfig(tapped, classes, options.getAuxiliaryChannels());
  }

  @Override
  public boolean validates() {
    return validation != null;
  }

  @Override
  public Map<String, Double> validate(ReadableByteChannel model) throws IOException {
    try (SharedInJvm<ImageDataset> held = validation.open()) {
      return new Validation(this).measure(held.get(), model);
    }
  }

  @Override
  public TrainingTask<?, ?> open(RunPosition from) throws IOException {
    return Segmentation.open(this, from);
  }
}
