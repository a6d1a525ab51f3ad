package dev.beit2.pipelines.segment;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.LabelMask;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.SegmentationAugmentation.Sample;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.train.SegmentationTrainer;
import dev.beit2.model.train.Trainer;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.loader.ImageExamples;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PrimitiveIterator;

/** Trains a segmenter; each epoch sees another crop of each image. */
final class Segmentation implements TrainingTask<ImageRecord, MaskedBatch> {
  private final SegmentationSpec spec;
  private final SegmentationTrainer trainer;
  private final SharedInJvm<ImageDataset> images;
  private final ImageExamples examples;
  private final ExampleLoader<ImageRecord> loader;

  private Segmentation(SegmentationSpec spec, RunPosition from, SharedInJvm<ImageDataset> images) {
    this.spec = spec;
    this.images = images;
    this.examples = new ImageExamples(images.get(), spec.seed());
    this.loader = new ExampleLoader<>(examples, spec.limits());
    this.trainer =
        SegmentationTrainer.start(
            spec.network(),
            spec.optimizer(),
            spec.layerDecay(),
            spec.headDropout(),
            spec.plan().linearLearningRate(from),
            spec.seed(),
            spec.precision(),
            spec.activationCheckpointing());
    trainer.recordGreyRange(Objects.toString(spec.limits().greyRange(), null));
  }

  static Segmentation open(SegmentationSpec spec, RunPosition from) throws IOException {
    Segmentation training = new Segmentation(spec, from, spec.training().open());
    try {
      if (spec.backbone() != null && from.step() == 0) {
        spec.backbone().initialize(training.trainer::initializeFrom);
      }
      return training;
    } catch (IOException | RuntimeException | Error e) {
      training.close();
      throw e;
    }
  }

  @Override
  public Trainer trainer() {
    return trainer;
  }

  @Override
  public MaskedBatch newBatch(int size) {
    return MaskedBatch.allocate(size, spec.augmentation().side());
  }

  @Override
  public ImageRecord read(long position) throws IOException {
    return loader.read(position);
  }

  @Override
  public Examples<ImageRecord> readAhead(PrimitiveIterator.OfLong positions) {
    return examples.readAhead(positions)::next;
  }

  @Override
  public void fill(long position, ImageRecord example, MaskedBatch batch, int slot)
      throws IOException {
    loader.render(
        position,
        example,
        (used, image) -> {
          Sample crop = crop(used, image, loader.epoch(position));
          batch.put(slot, used.key(), crop);
          return crop.image();
        });
  }

  private Sample crop(ImageRecord record, EncodedImage image, long epoch)
      throws UndecodableImageException {
    LabelMask mask = spec.training().mask(record.key(), image, spec.limits());
    return spec.augmentation().apply(image.pixels(), mask, spec.seed(), record.key(), epoch);
  }

  /** Nothing of this network depends on data. */
  @Override
  public int initialImages() {
    return 0;
  }

  @Override
  public void initialize(MaskedBatch images) {}

  @Override
  public void accumulate(MaskedBatch microBatch, int size) {
    trainer.accumulate(
        microBatch.images().first(size),
        microBatch.firstLabels(size),
        size,
        size / (double) spec.plan().batchSize());
  }

  @Override
  public Map<String, Double> update() {
    return trainer.update();
  }

  @Override
  public List<String> keys(MaskedBatch batch, int size) {
    return batch.images().keys(size);
  }

  @Override
  public List<RejectedImage> rejected() {
    return loader.rejected();
  }

  @Override
  public long faint() {
    return loader.faint();
  }

  @Override
  public void addRejected(List<RejectedImage> known) {
    loader.addRejected(known);
  }

  @Override
  public void close() throws IOException {
    try {
      trainer.close();
    } finally {
      images.close();
    }
  }
}
