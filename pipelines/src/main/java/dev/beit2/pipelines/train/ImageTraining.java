package dev.beit2.pipelines.train;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.train.AdamWTrainer;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.loader.ImageExamples;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.PrimitiveIterator;

/**
 * A network in training on images: where they come from, and what became of them.
 *
 * @param <TrainerT> the network's trainer
 * @param <BatchT> a batch
 */
public abstract class ImageTraining<TrainerT extends AdamWTrainer, BatchT>
    implements TrainingTask<ImageRecord, BatchT> {
  private final TrainerT trainer;
  private final SharedInJvm<ImageDataset> images;
  private final ImageExamples examples;
  private final ExampleLoader<ImageRecord> loader;

  /**
   * @param trainer closed with this
   * @param images closed with this
   * @param seed of the order of the images
   */
  protected ImageTraining(
      TrainerT trainer, SharedInJvm<ImageDataset> images, long seed, DecodingLimits limits) {
    this.trainer = requireNonNull(trainer, "trainer is null");
    this.images = requireNonNull(images, "images is null");
    this.examples = new ImageExamples(images.get(), seed);
    this.loader = new ExampleLoader<>(examples, limits);
    trainer.recordGreyRange(Objects.toString(limits.greyRange(), null));
  }

  @Override
  public final TrainerT trainer() {
    return trainer;
  }

  /** Where {@link #fill} finds the pixels of an image, or of the one that replaces it. */
  protected final ExampleLoader<ImageRecord> loader() {
    return loader;
  }

  @Override
  public final ImageRecord read(long position) throws IOException {
    return loader.read(position);
  }

  @Override
  public final Examples<ImageRecord> readAhead(PrimitiveIterator.OfLong positions) {
    return examples.readAhead(positions)::next;
  }

  @Override
  public Map<String, Double> update() {
    return trainer.update();
  }

  @Override
  public final List<RejectedImage> rejected() {
    return loader.rejected();
  }

  @Override
  public final long faint() {
    return loader.faint();
  }

  @Override
  public final void addRejected(List<RejectedImage> known) {
    loader.addRejected(known);
  }

  @Override
  public final void close() throws IOException {
    try {
      trainer.close();
    } finally {
      images.close();
    }
  }
}
