package dev.beit2.pipelines.tokenize;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.EncodedView;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.torch.SharedModel;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.LocalProgress;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * Images to the codes of their views: {@link #ENCODED}, and {@link #REJECTED} for those that cannot
 * be decoded or encoded. Which views an image has depends on the seed and its key alone.
 */
final class EncodeViews extends PTransform<PCollection<ImageRecord>, PCollectionTuple> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<MimExample> ENCODED = new TupleTag<>() {};
  static final TupleTag<RejectedImage> REJECTED = new TupleTag<>() {};

  private final EncodeFn encode;

  /**
   * @param encoder what makes the codes
   * @param shards what they are for: sizes, number of views, seed
   * @param recipe what is stored of images, and which views they have
   * @param batchSize views that are encoded at once
   * @param torchThreads threads of one operation, see {@link Torch#setThreads}
   * @param stage what progress is counted for
   */
  EncodeViews(
      PatchEncoder.Source encoder,
      ShardMetadata shards,
      ViewRecipe recipe,
      int batchSize,
      int torchThreads,
      String stage) {
    this.encode = new EncodeFn(encoder, shards, recipe, batchSize, torchThreads, stage);
  }

  @Override
  public PCollectionTuple expand(PCollection<ImageRecord> images) {
    return images.apply(
        "Encode", ParDo.of(encode).withOutputTags(ENCODED, TupleTagList.of(REJECTED)));
  }

  /** An image of which not all views are encoded yet. */
  private static final class Pending {
    private final ImageRecord image;
    private final int width;
    private final int height;
    private final List<EncodedView> encoded;
    private boolean rejected;

    Pending(ImageRecord image, int width, int height, int views) {
      this.image = image;
      this.width = width;
      this.height = height;
      this.encoded = new ArrayList<>(views);
    }
  }

  /** A view in the batch. */
  private record Slot(Pending of, View view) {}

  /** Where results go: an element's receiver, or the end of the bundle. */
  private interface Results {
    void encoded(MimExample example);

    void rejected(RejectedImage image);
  }

  static final class EncodeFn extends DoFn<ImageRecord, MimExample> {
    private static final long serialVersionUID = 1L;

    private final PatchEncoder.Source source;
    private final ShardMetadata shards;
    private final ViewRecipe recipe;
    private final int batchSize;
    private final int torchThreads;
    private final String stage;
    private final Counter rejectedImages =
        Metrics.counter(EncodeViews.class, TokenizeDataset.REJECTED_IMAGES);
    private final Counter encodedViews = Metrics.counter(EncodeViews.class, "encoded_views");

    private transient SharedModel<PatchEncoder> encoder;
    private transient ImageBatch batch;
    private transient int[] codes;
    private transient List<Slot> slots;

    EncodeFn(
        PatchEncoder.Source source,
        ShardMetadata shards,
        ViewRecipe recipe,
        int batchSize,
        int torchThreads,
        String stage) {
      this.source = requireNonNull(source, "source is null");
      this.shards = requireNonNull(shards, "shards is null");
      this.recipe = requireNonNull(recipe, "recipe is null");
      this.batchSize = batchSize;
      this.torchThreads = torchThreads;
      this.stage = requireNonNull(stage, "stage is null");
    }

    @Setup
    public void setUp() throws IOException {
      Torch.setThreads(torchThreads);
      encoder = SharedModel.acquire(PatchEncoder.class, source, source::open);
      batch = new ImageBatch(batchSize, shards.inputSize());
      codes = new int[batchSize * shards.codesPerView()];
      slots = new ArrayList<>(batchSize);
    }

    @StartBundle
    public void startBundle() {
      // What a failed bundle left behind comes again.
      slots.clear();
    }

    @ProcessElement
    public void processElement(@Element ImageRecord image, MultiOutputReceiver out) {
      Results results =
          new Results() {
            @Override
            public void encoded(MimExample example) {
              out.get(ENCODED).output(example);
            }

            @Override
            public void rejected(RejectedImage rejected) {
              out.get(REJECTED).output(rejected);
            }
          };
      Pending pending = null;
      try {
        ImageRecord stored = recipe.stored(image);
        EncodedImage encoded = EncodedImage.open(stored.bytes(), recipe.limits());
        pending = new Pending(stored, encoded.width(), encoded.height(), shards.views());
        batchViews(pending, encoded, results);
      } catch (UndecodableImageException e) {
        if (pending != null) {
          removeFromBatch(pending);
        }
        reject(image.key(), e.getMessage(), results);
      }
    }

    private void batchViews(Pending pending, EncodedImage encoded, Results results)
        throws UndecodableImageException {
      String key = pending.image.key();
      for (int i = 0; i < shards.views() && !pending.rejected; i++) {
        View view = recipe.view(shards.seed(), key, i, pending.width, pending.height);
        batch.put(slots.size(), encoded.render(view, shards.inputSize()));
        slots.add(new Slot(pending, view));
        if (slots.size() == batchSize) {
          flush(results);
        }
      }
    }

    /** Its views are the last in the batch, so that all others keep their places. */
    private void removeFromBatch(Pending pending) {
      slots.removeIf(slot -> slot.of() == pending);
    }

    @FinishBundle
    public void finishBundle(FinishBundleContext context) {
      flush(
          new Results() {
            @Override
            public void encoded(MimExample example) {
              context.output(
                  ENCODED, example, GlobalWindow.INSTANCE.maxTimestamp(), GlobalWindow.INSTANCE);
            }

            @Override
            public void rejected(RejectedImage rejected) {
              context.output(
                  REJECTED, rejected, GlobalWindow.INSTANCE.maxTimestamp(), GlobalWindow.INSTANCE);
            }
          });
    }

    private void flush(Results results) {
      if (slots.isEmpty()) {
        return;
      }
      RuntimeException failure = encode(batch.first(slots.size()), slots.size());
      if (failure == null) {
        for (int i = 0; i < slots.size(); i++) {
          accept(slots.get(i), i, results);
        }
      } else {
        encodeOneByOne(failure, results);
      }
      slots.clear();
    }

    /** After a batch failed: what goes alone is kept, what does not is rejected. */
    private void encodeOneByOne(RuntimeException whole, Results results) {
      if (encode(new ImageBatch(1, shards.inputSize()).first(1), 1) != null) {
        // Where not even a black picture goes through, no picture is to blame.
        throw whole;
      }
      for (int i = 0; i < slots.size(); i++) {
        Pending pending = slots.get(i).of();
        if (pending.rejected) {
          continue;
        }
        RuntimeException failure = encode(batch.slots(i, 1), 1);
        if (failure == null) {
          accept(slots.get(i), 0, results);
        } else {
          pending.rejected = true;
          reject(pending.image.key(), "cannot be encoded: " + failure.getMessage(), results);
        }
      }
    }

    /** The first codes are then those of the pictures, unless it returns what went wrong. */
    @Nullable
    private RuntimeException encode(ByteBuffer pictures, int count) {
      try {
        encoder.get().encode(pictures, count, codes);
        return null;
      } catch (RuntimeException e) {
        return e;
      }
    }

    private void accept(Slot slot, int at, Results results) {
      Pending pending = slot.of();
      int length = shards.codesPerView();
      byte[] packed =
          CodePacking.pack(
              Arrays.copyOfRange(codes, at * length, (at + 1) * length), shards.codeBits());
      pending.encoded.add(new EncodedView(slot.view(), packed));
      encodedViews.inc();
      if (pending.encoded.size() == shards.views()) {
        ImageRecord image = pending.image;
        results.encoded(
            new MimExample(
                image.key(),
                image.label(),
                pending.width,
                pending.height,
                image.bytes(),
                pending.encoded));
        LocalProgress.count(stage, shards.views());
      }
    }

    private void reject(String key, String reason, Results results) {
      results.rejected(new RejectedImage(key, reason));
      rejectedImages.inc();
      LocalProgress.count(stage, 0);
    }

    @Teardown
    public void tearDown() throws Exception {
      if (encoder != null) {
        encoder.close();
      }
    }
  }
}
