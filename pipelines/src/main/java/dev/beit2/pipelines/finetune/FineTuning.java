package dev.beit2.pipelines.finetune;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.train.FineTuningTrainer;
import dev.beit2.model.train.Mix;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.ImageTraining;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/** Fine-tunes a classifier; each epoch sees another augmented view of each image. */
final class FineTuning extends ImageTraining<FineTuningTrainer, LabelledBatch> {
  private final FineTuningSpec spec;
  private final int side;
  private final float[] mean = ImageNet.mean();
  private final float[] std = ImageNet.std();

  /** Images of the current step in the micro-batches so far. */
  private int seen;

  /** How the images of the current group are mixed. */
  @Nullable private Mix drawn;

  private FineTuning(FineTuningSpec spec, RunPosition from, SharedInJvm<ImageDataset> images) {
    super(
        FineTuningTrainer.start(
            spec.network(),
            spec.optimizer(),
            spec.layerDecay(),
            spec.plan().learningRate(from),
            spec.seed(),
            spec.precision(),
            spec.activationCheckpointing()),
        images,
        spec.seed(),
        spec.limits());
    this.spec = spec;
    this.side = spec.network().backbone().imageSize();
  }

  static FineTuning open(FineTuningSpec spec, RunPosition from) throws IOException {
    FineTuning training =
        new FineTuning(spec, from, FineTuningSpec.dataset("--input", spec.images()));
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
  public LabelledBatch newBatch(int size) {
    return LabelledBatch.allocate(size, side);
  }

  @Override
  public void fill(long position, ImageRecord example, LabelledBatch batch, int slot)
      throws IOException {
    int epoch = Math.toIntExact(loader().epoch(position));
    ExampleLoader.Rendered<ImageRecord> rendering =
        loader().render(position, example, (used, image) -> render(used, image, epoch));
    ImageRecord used = rendering.example();
    batch.images().put(slot, used.key(), rendering.pixels());
    batch.labels()[slot] = used.label();
    spec.randomErasing()
        .apply(batch.images().image(slot), side, mean, std, spec.seed(), used.key(), epoch);
  }

  private RgbImage render(ImageRecord record, EncodedImage image, int epoch)
      throws UndecodableImageException {
    spec.requireLabel(record);
    View view =
        spec.augmentation().sample(spec.seed(), record.key(), epoch, image.width(), image.height());
    return spec.randAugment().apply(image.render(view, side), spec.seed(), record.key(), epoch);
  }

  @Override
  public void accumulate(LabelledBatch microBatch, int size) {
    long[] labels = new long[size];
    System.arraycopy(microBatch.labels(), 0, labels, 0, size);
    trainer()
        .accumulate(
            microBatch.images().first(size),
            labels,
            spec.labelSmoothing(),
            spec.mixing().mixes() ? mixes(keys(microBatch, size)) : List.of(),
            size,
            size / (double) spec.plan().batchSize());
    seen += size;
  }

  /** A group may reach over several micro-batches. */
  private List<Mix> mixes(List<String> keys) {
    List<Mix> mixes = new ArrayList<>(keys.size());
    for (int slot = 0; slot < keys.size(); slot++) {
      if ((seen + slot) % spec.mixing().images() == 0) {
        drawn = spec.mixing().sample(spec.seed(), keys.get(slot), trainer().step(), side);
      }
      mixes.add(drawn);
    }
    return mixes;
  }

  @Override
  public Map<String, Double> update() {
    seen = 0;
    return super.update();
  }

  @Override
  public List<String> keys(LabelledBatch batch, int size) {
    return batch.images().keys(size);
  }
}
