package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.shard.FeatureRow;
import dev.beit2.model.eval.Backbone;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.run.FaintImages;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * Computes the features of images: {@link #FEATURES}. Takes the evaluation crop of each image.
 * Images that cannot be decoded go to {@link #REJECTED}.
 */
final class ComputeFeatures extends PTransform<PCollection<ImageRecord>, PCollectionTuple> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<FeatureRow> FEATURES = new TupleTag<>() {};
  static final TupleTag<RejectedImage> REJECTED = new TupleTag<>() {};

  private final ExtractFn extract;

  /**
   * @param backbones whose features are computed
   * @param limits of the images that are decoded
   * @param torchThreads threads of one operation, see {@link Torch#setThreads}
   * @param progress counts the images
   */
  ComputeFeatures(
      BackboneSet.Source backbones,
      DecodingLimits limits,
      int torchThreads,
      StageProgress progress) {
    this.extract = new ExtractFn(backbones, limits, torchThreads, progress);
  }

  @Override
  public PCollectionTuple expand(PCollection<ImageRecord> images) {
    return images.apply(
        "Extract", ParDo.of(extract).withOutputTags(FEATURES, TupleTagList.of(REJECTED)));
  }

  @Override
  public void populateDisplayData(DisplayData.Builder builder) {
    builder
        .add(DisplayData.item("backbone", extract.source.file()))
        .add(DisplayData.item("precision", extract.source.precision().name()))
        .add(DisplayData.item("untrained", extract.source.untrained()));
  }

  private static final class ExtractFn extends DoFn<ImageRecord, FeatureRow> {
    private static final long serialVersionUID = 1L;

    private final BackboneSet.Source source;
    private final DecodingLimits limits;
    private final int torchThreads;
    private final StageProgress progress;
    private final Counter rejectedImages =
        Metrics.counter(ComputeFeatures.class, RejectedImages.COUNTER);
    private final Counter faintImages = FaintImages.counter();

    private transient SharedInJvm<BackboneSet> backbones;
    private transient ImageBatch batch;

    ExtractFn(
        BackboneSet.Source source,
        DecodingLimits limits,
        int torchThreads,
        StageProgress progress) {
      this.source = requireNonNull(source, "source is null");
      this.limits = requireNonNull(limits, "limits is null");
      this.torchThreads = torchThreads;
      this.progress = requireNonNull(progress, "progress is null");
    }

    @Setup
    public void setUp() throws IOException {
      Torch.setThreads(torchThreads);
      backbones = SharedInJvm.acquire(BackboneSet.class, source, source::open);
      progress.open();
      batch = new ImageBatch(1, backbones.get().imageSize());
    }

    @ProcessElement
    public void processElement(@Element ImageRecord image, MultiOutputReceiver out) {
      try {
        EncodedImage encoded = EncodedImage.open(image.bytes(), limits);
        batch.put(0, encoded.renderForEvaluation(batch.side()));
        if (encoded.isFaint()) {
          faintImages.inc();
        }
      } catch (UndecodableImageException e) {
        out.get(REJECTED).output(new RejectedImage(image.key(), e.getMessage()));
        rejectedImages.inc();
        progress.count(0);
        return;
      }
      List<float[]> vectors = new ArrayList<>();
      // One image at a time, so that its features do not depend on the other images of a batch.
      for (Backbone backbone : backbones.get().all()) {
        vectors.addAll(backbone.vectors(batch.first(1), source.choice()));
      }
      out.get(FEATURES).output(new FeatureRow(image.key(), image.label(), vectors));
      progress.count(1);
    }

    @Teardown
    public void tearDown() throws IOException {
      progress.close();
      if (backbones != null) {
        backbones.close();
      }
    }
  }
}
