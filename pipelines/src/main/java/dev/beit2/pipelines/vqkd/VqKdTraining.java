package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.View;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.train.VqKdTrainer;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.ImageTraining;
import java.io.IOException;
import java.util.List;

/** Trains a tokenizer on images; each epoch sees another view of each image. */
final class VqKdTraining extends ImageTraining<VqKdTrainer, ImageBatch> {
  private final VqKdSpec spec;

  private VqKdTraining(
      VqKdSpec spec, RunPosition from, SharedInJvm<ImageDataset> images, Teacher teacher) {
    super(
        VqKdTrainer.start(
            spec.network(),
            spec.codebookUpdate(),
            teacher,
            spec.optimizer(),
            spec.plan().learningRate(from),
            spec.seed(),
            spec.precision(),
            spec.activationCheckpointing()),
        images,
        spec.seed(),
        spec.limits());
    this.spec = spec;
  }

  static VqKdTraining open(VqKdSpec spec, RunPosition from) throws IOException {
    SharedInJvm<ImageDataset> images = spec.dataset();
    Teacher teacher = null;
    try {
      teacher = spec.teacher().open();
      return new VqKdTraining(spec, from, images, teacher);
    } catch (IOException | RuntimeException | Error e) {
      if (teacher != null) {
        teacher.close();
      }
      images.close();
      throw e;
    }
  }

  @Override
  public ImageBatch newBatch(int size) {
    return new ImageBatch(size, spec.network().encoder().imageSize());
  }

  @Override
  public void fill(long position, ImageRecord example, ImageBatch batch, int slot)
      throws IOException {
    int epoch = Math.toIntExact(loader().epoch(position));
    ExampleLoader.Rendered<ImageRecord> rendering =
        loader()
            .render(
                position,
                example,
                (used, image) -> {
                  View view =
                      spec.augmentation()
                          .sample(spec.seed(), used.key(), epoch, image.width(), image.height());
                  return image.render(view, batch.side());
                });
    batch.put(slot, rendering.example().key(), rendering.pixels());
  }

  @Override
  public int initialImages() {
    return Math.min(spec.plan().batchSize(), TokenizerRecipe.KMEANS_IMAGES);
  }

  /** Initializes the codebook by k-means. */
  @Override
  public void initialize(ImageBatch images) {
    trainer().initialize(images.first(initialImages()), initialImages());
  }

  @Override
  public void accumulate(ImageBatch microBatch, int size) {
    trainer().accumulate(microBatch.first(size), size, size / (double) spec.plan().batchSize());
  }

  @Override
  public List<String> keys(ImageBatch batch, int size) {
    return batch.keys(size);
  }
}
