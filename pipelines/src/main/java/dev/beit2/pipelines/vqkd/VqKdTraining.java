package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.View;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.train.Learner;
import dev.beit2.model.train.VqKdTrainer;
import dev.beit2.pipelines.loader.EpochCache;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.Precisions;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/** VQ-KD on images: each epoch sees another view of each image. */
final class VqKdTraining implements TrainingTask<ImageRecord, ImageBatch> {
  private static final int FEW_IMAGES = 100_000;
  private static final int REVIVE_WITH_FEW_IMAGES = 10;

  private final TrainingPlan plan;
  private final VqKdConfig config;
  private final VqKdTrainer trainer;
  private final ImageDataset images;
  private final ExampleLoader<ImageRecord> feed;
  private final Augmentation augmentation;
  private final long seed;

  private VqKdTraining(
      TrainingPlan plan,
      RunPosition from,
      VqKdConfig config,
      ImageDataset images,
      TrainTokenizer.Options options) {
    Precision precision = precision(options);
    this.plan = plan;
    this.config = config;
    this.seed = options.getSeed();
    this.images = images;
    this.feed = new ExampleLoader<>(new Images(images, seed), DecodingOptions.limits(options));
    this.augmentation = Augmentation.tokenizer().withScale(options.getMinCropScale(), 1);
    this.trainer =
        VqKdTrainer.start(
            config,
            Teacher.hog(Kernels.of(precision), config.encoder().patchSize()),
            AdamWConfig.tokenizer(),
            plan.schedule(from),
            seed,
            precision,
            options.getRecompute());
  }

  private static Precision precision(TrainTokenizer.Options options) {
    return Precisions.parse(options.getPrecision());
  }

  /** Sets up the training that the options describe. */
  static VqKdTraining open(TrainTokenizer.Options options, RunPosition from) throws IOException {
    ImageDataset indexed = Indexed.SETS.get(options.getOutput());
    ImageDataset images = indexed == null ? images(options) : indexed;
    return new VqKdTraining(plan(options, images), from, config(options, images), images, options);
  }

  /**
   * @throws InvalidOptionException if there are none
   */
  static ImageDataset images(TrainTokenizer.Options options) throws IOException {
    return Inputs.dataset("--input", Inputs.source("--input", options.getInput(), options));
  }

  static TrainingPlan plan(TrainTokenizer.Options options, ImageDataset images) {
    options.setReviveDeadCodesAfter(reviveDeadCodesAfter(options, images));
    return TrainingPlan.of(
        TrainTokenizer.NAME, TrainTokenizer.Options.class, options, images.size());
  }

  private static int reviveDeadCodesAfter(TrainTokenizer.Options options, ImageDataset images) {
    if (options.getReviveDeadCodesAfter() != null) {
      return options.getReviveDeadCodesAfter();
    }
    return images.size() < FEW_IMAGES ? REVIVE_WITH_FEW_IMAGES : 0;
  }

  private static VqKdConfig config(TrainTokenizer.Options options, ImageDataset images) {
    VqKdConfig shape =
        VqKdConfig.preset(
            options.getPreset(), options.getCodebookSize(), options.getCodeDimension(), 1);
    try (Teacher teacher =
        Teacher.hog(Kernels.of(precision(options)), shape.encoder().patchSize())) {
      return VqKdConfig.preset(
              options.getPreset(),
              options.getCodebookSize(),
              options.getCodeDimension(),
              teacher.dimension())
          .withDecay(options.getCodebookDecay())
          .withReviveDeadCodesAfter(reviveDeadCodesAfter(options, images));
    }
  }

  @Override
  public TrainingPlan plan() {
    return plan;
  }

  @Override
  public Learner learner() {
    return trainer;
  }

  @Override
  public ImageBatch newBatch() {
    return new ImageBatch(plan.batchSize(), config.encoder().imageSize());
  }

  @Override
  public ImageRecord read(long position) throws IOException {
    return feed.read(position);
  }

  @Override
  public void fill(long position, ImageRecord example, ImageBatch batch, int slot)
      throws IOException {
    int epoch = Math.toIntExact(feed.epoch(position));
    ExampleLoader.Rendered<ImageRecord> rendering =
        feed.render(
            position,
            example,
            (used, image) -> {
              View view =
                  augmentation.sample(seed, used.key(), epoch, image.width(), image.height());
              return image.render(view, batch.side());
            });
    batch.put(slot, rendering.example().key(), rendering.pixels());
  }

  @Override
  public void begin(ImageBatch batch) {
    trainer.begin(batch.first(plan.batchSize()), plan.batchSize());
  }

  @Override
  public List<String> keys(ImageBatch batch) {
    return batch.keys(plan.batchSize());
  }

  @Override
  public Map<String, Double> step(ImageBatch batch) {
    int size = plan.batchSize();
    return trainer.step(batch.first(size), size, plan.accumulate());
  }

  @Override
  public List<RejectedImage> rejected() {
    // Of what is not even there the set itself knows why.
    Map<String, RejectedImage> rejected = new TreeMap<>();
    feed.rejected().forEach(image -> rejected.put(image.key(), image));
    images.rejected().forEach(image -> rejected.put(image.key(), image));
    return List.copyOf(rejected.values());
  }

  @Override
  public void alreadyRejected(List<RejectedImage> images) {
    feed.alreadyRejected(images);
  }

  @Override
  public void close() {
    trainer.close();
  }

  /**
   * A set whose index is kept for a worker in the same JVM, as making it may mean to read through
   * all of an archive.
   */
  record Indexed(String output) implements AutoCloseable {
    private static final Map<String, ImageDataset> SETS = new ConcurrentHashMap<>();

    static Indexed keep(TrainTokenizer.Options options, ImageDataset images) {
      SETS.put(options.getOutput(), images);
      return new Indexed(options.getOutput());
    }

    @Override
    public void close() {
      SETS.remove(output);
    }
  }

  private static final class Images implements ExampleLoader.Source<ImageRecord> {
    private final ImageDataset images;
    private final EpochCache<ImageDataset.Epoch> epochs;

    Images(ImageDataset images, long seed) {
      this.images = images;
      this.epochs = new EpochCache<>(epoch -> images.epoch(seed, epoch));
    }

    @Override
    public long size() {
      return images.size();
    }

    @Override
    public ImageRecord read(long epoch, long index) throws IOException {
      return epochs.get(epoch).read(index);
    }

    @Override
    public String key(ImageRecord example) {
      return example.key();
    }

    @Override
    public byte[] image(ImageRecord example) {
      return example.bytes();
    }
  }
}
