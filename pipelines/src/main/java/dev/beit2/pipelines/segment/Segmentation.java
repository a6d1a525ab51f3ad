package dev.beit2.pipelines.segment;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.LabelMask;
import dev.beit2.io.image.SegmentationAugmentation.Sample;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.train.SegmentationTrainer;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.ImageTraining;
import java.io.IOException;
import java.util.List;

/** Trains a segmenter; each epoch sees another crop of each image. */
final class Segmentation extends ImageTraining<SegmentationTrainer, MaskedBatch> {
  private final SegmentationSpec spec;

  private Segmentation(SegmentationSpec spec, RunPosition from, SharedInJvm<ImageDataset> images) {
    super(
        SegmentationTrainer.start(
            spec.network(),
            spec.optimizer(),
            spec.layerDecay(),
            spec.headDropout(),
            spec.plan().linearLearningRate(from),
            spec.seed(),
            spec.precision(),
            spec.activationCheckpointing()),
        images,
        spec.seed(),
        spec.limits());
    this.spec = spec;
  }

  static Segmentation open(SegmentationSpec spec, RunPosition from) throws IOException {
    Segmentation training = new Segmentation(spec, from, spec.training().open());
    try {
      if (spec.backbone() != null && from.step() == 0) {
        spec.backbone().initialize(training.trainer()::initializeFrom);
      }
      return training;
    } catch (IOException | RuntimeException | Error e) {
      training.close();
      throw e;
    }
  }

  @Override
  public MaskedBatch newBatch(int size) {
    return MaskedBatch.allocate(size, spec.augmentation().side());
  }

  @Override
  public void fill(long position, ImageRecord example, MaskedBatch batch, int slot)
      throws IOException {
    loader()
        .render(
            position,
            example,
            (used, image) -> {
              Sample crop = crop(used, image, loader().epoch(position));
              batch.put(slot, used.key(), crop);
              return crop.image();
            });
  }

  private Sample crop(ImageRecord record, EncodedImage image, long epoch)
      throws UndecodableImageException {
    LabelMask mask = spec.training().mask(record.key(), image, spec.limits());
    return spec.augmentation().apply(image.pixels(), mask, spec.seed(), record.key(), epoch);
  }

  @Override
  public void accumulate(MaskedBatch microBatch, int size) {
    trainer()
        .accumulate(
            microBatch.images().first(size),
            microBatch.firstLabels(size),
            size,
            size / (double) spec.plan().batchSize());
  }

  @Override
  public List<String> keys(MaskedBatch batch, int size) {
    return batch.images().keys(size);
  }
}
