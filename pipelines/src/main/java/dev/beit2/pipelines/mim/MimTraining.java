package dev.beit2.pipelines.mim;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.model.train.Trainer;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.loader.EpochCache;
import dev.beit2.pipelines.loader.ExampleLoader;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingTask;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import javax.annotation.Nullable;

/**
 * Pretrains on shards: epoch e sees view e modulo the number of views of each image, under a mask
 * of its own.
 */
final class MimTraining implements TrainingTask<MimExample, MimBatch> {
  private final MimSpec spec;
  private final ShardMetadata metadata;
  private final SharedInJvm<MimShards> shards;
  private final ExampleLoader<MimExample> loader;
  private final ViewCache views;
  private final MimTrainer trainer;

  private MimTraining(MimSpec spec, RunPosition from, SharedInJvm<MimShards> shards) {
    this.spec = spec;
    this.shards = shards;
    this.metadata = shards.get().manifest().metadata();
    this.loader = new ExampleLoader<>(new Rows(shards.get(), spec.seed()), spec.limits());
    this.views = new ViewCache(shards.get().manifest());
    this.trainer =
        MimTrainer.start(
            spec.network(),
            spec.optimizer(),
            spec.plan().learningRate(from),
            spec.seed(),
            spec.precision(),
            spec.activationCheckpointing());
    trainer.recordGreyRange(Objects.toString(spec.limits().greyRange(), null));
  }

  static MimTraining open(MimSpec spec, RunPosition from) throws IOException {
    SharedInJvm<MimShards> shards = MimSpec.shards(spec.shards(), spec.skipCorruptShards());
    MimTraining training;
    try {
      training = new MimTraining(spec, from, shards);
    } catch (RuntimeException | Error e) {
      shards.close();
      throw e;
    }
    try {
      if (spec.initialModel() != null && from.step() == 0) {
        spec.initialModel().initialize(training.trainer);
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
  public MimBatch newBatch(int size) {
    return MimBatch.allocate(size, metadata.inputSize(), metadata.codesPerView());
  }

  @Override
  public MimExample read(long position) throws IOException {
    return loader.read(position);
  }

  @Override
  public void fill(long position, MimExample example, MimBatch batch, int slot) throws IOException {
    long epoch = loader.epoch(position);
    int view = (int) (epoch % metadata.views());
    MimExample used = example;
    RgbImage pixels = views.get(example.key(), view);
    if (pixels == null) {
      ExampleLoader.Rendered<MimExample> rendering =
          loader.render(position, example, (row, image) -> render(row, image, view));
      used = rendering.example();
      pixels = rendering.pixels();
      views.put(used.key(), view, pixels);
    }
    batch.images().put(slot, used.key(), pixels);
    int patches = metadata.codesPerView();
    int[] codes = CodePacking.unpack(used.views().get(view).codes(), patches, metadata.codeBits());
    System.arraycopy(codes, 0, batch.codes(), slot * patches, patches);
    boolean[] mask = Masks.sample(spec.mask(), spec.seed(), used.key(), epoch);
    System.arraycopy(mask, 0, batch.masks(), slot * patches, patches);
  }

  private RgbImage render(MimExample row, EncodedImage image, int view)
      throws UndecodableImageException {
    if (image.width() != row.width() || image.height() != row.height()) {
      throw new UndecodableImageException(
          "an image of %dx%d in a row of %dx%d"
              .formatted(image.width(), image.height(), row.width(), row.height()));
    }
    return image.render(row.views().get(view).view(), metadata.inputSize());
  }

  @Override
  public void accumulate(MimBatch microBatch, int size) {
    int patches = size * metadata.codesPerView();
    trainer.accumulate(
        microBatch.images().first(size),
        Arrays.copyOf(microBatch.masks(), patches),
        Arrays.copyOf(microBatch.codes(), patches),
        size,
        // Every view has the same number of masked patches.
        size / (double) spec.plan().batchSize());
  }

  @Override
  public Map<String, Double> update() {
    return trainer.update();
  }

  @Override
  public List<String> keys(MimBatch batch, int size) {
    return batch.images().keys(size);
  }

  @Override
  public List<RejectedImage> rejected() {
    Map<String, RejectedImage> rejected = new TreeMap<>();
    shards.get().corrupt().forEach(shard -> rejected.put(shard.key(), shard));
    loader.rejected().forEach(image -> rejected.put(image.key(), image));
    return List.copyOf(rejected.values());
  }

  @Override
  public Set<String> corruptShards() {
    return shards.get().corrupt().stream().map(RejectedImage::key).collect(Collectors.toSet());
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
      shards.close();
    }
  }

  private static final class Rows implements ExampleLoader.Source<MimExample> {
    private final MimShards shards;
    private final EpochCache<MimShards.Epoch> epochs;

    Rows(MimShards shards, long seed) {
      this.shards = shards;
      this.epochs = new EpochCache<>(epoch -> shards.epoch(seed, epoch));
    }

    @Override
    public long size() {
      return shards.examples();
    }

    @Override
    @Nullable
    public MimExample read(long epoch, long index) throws IOException {
      MimShards.Epoch rows = epochs.get(epoch);
      // All threads read from one window of rows: it is large, and reading is the smallest part
      // of the work.
      synchronized (rows) {
        return rows.find(index).orElse(null);
      }
    }

    @Override
    public String key(MimExample example) {
      return example.key();
    }

    @Override
    public byte[] image(MimExample example) {
      return example.jpeg();
    }
  }
}
