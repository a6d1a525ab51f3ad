package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.model.torch.SharedModel;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.LocalProgress;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * Images to the features of their centre, as evaluation takes it: {@link #FEATURES}, and {@link
 * #REJECTED} for what is undecodable.
 */
final class ExtractFeatures extends PTransform<PCollection<ImageRecord>, PCollectionTuple> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<ImageFeatures> FEATURES = new TupleTag<>() {};
  static final TupleTag<RejectedImage> REJECTED = new TupleTag<>() {};

  private final ExtractFn extract;

  /**
   * @param backbones whose features are taken
   * @param limits of what is decoded
   * @param torchThreads threads of one operation, see {@link Torch#setThreads}
   * @param stage what progress is counted for
   */
  ExtractFeatures(
      BackboneSet.Source backbones, DecodingLimits limits, int torchThreads, String stage) {
    this.extract = new ExtractFn(backbones, limits, torchThreads, stage);
  }

  @Override
  public PCollectionTuple expand(PCollection<ImageRecord> images) {
    PCollectionTuple extracted =
        images.apply(
            "Extract", ParDo.of(extract).withOutputTags(FEATURES, TupleTagList.of(REJECTED)));
    extracted.get(FEATURES).setCoder(new ImageFeatures.FeaturesCoder());
    return extracted;
  }

  static final class ExtractFn extends DoFn<ImageRecord, ImageFeatures> {
    private static final long serialVersionUID = 1L;

    private final BackboneSet.Source source;
    private final DecodingLimits limits;
    private final int torchThreads;
    private final String stage;
    private final Counter rejectedImages =
        Metrics.counter(ExtractFeatures.class, TokenizeDataset.REJECTED_IMAGES);

    private transient SharedModel<BackboneSet> backbones;
    private transient ImageBatch picture;

    ExtractFn(BackboneSet.Source source, DecodingLimits limits, int torchThreads, String stage) {
      this.source = requireNonNull(source, "source is null");
      this.limits = requireNonNull(limits, "limits is null");
      this.torchThreads = torchThreads;
      this.stage = requireNonNull(stage, "stage is null");
    }

    @Setup
    public void setUp() throws IOException {
      Torch.setThreads(torchThreads);
      backbones = SharedModel.acquire(BackboneSet.class, source, source::open);
      picture = new ImageBatch(1, backbones.get().imageSize());
    }

    @ProcessElement
    public void processElement(@Element ImageRecord image, MultiOutputReceiver out) {
      RgbImage pixels;
      try {
        pixels = EncodedImage.open(image.bytes(), limits).renderForEvaluation(picture.side());
      } catch (UndecodableImageException e) {
        out.get(REJECTED).output(new RejectedImage(image.key(), e.getMessage()));
        rejectedImages.inc();
        LocalProgress.count(stage, 0);
        return;
      }
      picture.put(0, pixels);
      List<float[]> features = new ArrayList<>();
      // One at a time: features then never depend on what else is in a batch.
      backbones
          .get()
          .all()
          .forEach(
              backbone -> {
                float[] cls = new float[backbone.dim()];
                float[] mean = new float[backbone.dim()];
                backbone.features(picture.first(1), 1, cls, mean);
                features.add(cls);
                features.add(mean);
              });
      out.get(FEATURES).output(new ImageFeatures(image.key(), image.label(), features));
      LocalProgress.count(stage, 1);
    }

    @Teardown
    public void tearDown() throws Exception {
      if (backbones != null) {
        backbones.close();
      }
    }
  }
}
