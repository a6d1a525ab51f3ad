package dev.beit2.pipelines.tokenize;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.EncodedView;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.run.FaintImages;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.transforms.windowing.GlobalWindow;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;
import org.joda.time.Instant;

/**
 * Draws views of images and computes the codes of their patches: {@link #ENCODED}. Images that
 * cannot be decoded or encoded go to {@link #REJECTED}. The views of an image depend only on the
 * seed, its key and its size.
 */
final class EncodeViews extends PTransform<PCollection<ImageRecord>, PCollectionTuple> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<MimExample> ENCODED = new TupleTag<>() {};
  static final TupleTag<RejectedImage> REJECTED = new TupleTag<>() {};

  private final EncodeFn encode;

  /**
   * @param encoder computes the codes
   * @param shards sizes, number of views and seed
   * @param recipe says how images are stored and views are drawn
   * @param batchSize views that are encoded at once
   * @param torchThreads threads of one operation, see {@link Torch#setThreads}
   * @param progress counts the images
   */
  EncodeViews(
      PatchEncoder.Source encoder,
      ShardMetadata shards,
      ViewRecipe recipe,
      int batchSize,
      int torchThreads,
      StageProgress progress) {
    this.encode = new EncodeFn(encoder, shards, recipe, batchSize, torchThreads, progress);
  }

  @Override
  public PCollectionTuple expand(PCollection<ImageRecord> images) {
    return images.apply(
        "Encode", ParDo.of(encode).withOutputTags(ENCODED, TupleTagList.of(REJECTED)));
  }

  @Override
  public void populateDisplayData(DisplayData.Builder builder) {
    builder
        .add(DisplayData.item("tokenizerDigest", encode.shards.tokenizerDigest()))
        .add(DisplayData.item("views", encode.shards.views()))
        .add(DisplayData.item("inputSize", encode.shards.inputSize()))
        .add(DisplayData.item("seed", encode.shards.seed()))
        .add(DisplayData.item("colorJitter", encode.recipe.colorJitter()))
        .add(DisplayData.item("centerView", encode.recipe.centerView()))
        .add(DisplayData.item("storeSize", encode.recipe.storeSize()))
        .add(DisplayData.item("batchSize", encode.batchSize));
  }

  /** An image whose views are not all encoded yet. */
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

    MimExample example() {
      return new MimExample(image.key(), image.label(), width, height, image.bytes(), encoded);
    }
  }

  /** A view in the batch. */
  private record BatchedView(Pending image, View view) {}

  /** Fills batches of views, across images, and encodes them. */
  static final class EncodeFn extends DoFn<ImageRecord, MimExample> {
    private static final long serialVersionUID = 1L;

    private final PatchEncoder.Source source;
    private final ShardMetadata shards;
    private final ViewRecipe recipe;
    private final int batchSize;
    private final int torchThreads;
    private final StageProgress progress;

    private final Counter rejectedImages =
        Metrics.counter(EncodeViews.class, RejectedImages.COUNTER);
    private final Counter faintImages = FaintImages.counter();
    private final Counter encodedViews = Metrics.counter(EncodeViews.class, "encoded_views");

    private transient SharedInJvm<PatchEncoder> encoder;
    private transient ImageBatch batch;
    private transient int[] codes;
    private transient List<BatchedView> batched;
    // Finished, but not output yet.
    private transient List<MimExample> examples;
    private transient List<RejectedImage> rejected;

    EncodeFn(
        PatchEncoder.Source source,
        ShardMetadata shards,
        ViewRecipe recipe,
        int batchSize,
        int torchThreads,
        StageProgress progress) {
      this.source = requireNonNull(source, "source is null");
      this.shards = requireNonNull(shards, "shards is null");
      this.recipe = requireNonNull(recipe, "recipe is null");
      this.batchSize = batchSize;
      this.torchThreads = torchThreads;
      this.progress = requireNonNull(progress, "progress is null");
    }

    @Setup
    public void setUp() throws IOException {
      Torch.setThreads(torchThreads);
      encoder = SharedInJvm.acquire(PatchEncoder.class, source, source::open);
      progress.open();
      batch = new ImageBatch(batchSize, shards.inputSize());
      codes = new int[batchSize * shards.codesPerView()];
      batched = new ArrayList<>(batchSize);
      examples = new ArrayList<>();
      rejected = new ArrayList<>();
    }

    /** Forgets what a failed bundle has left: its elements come again. */
    @StartBundle
    public void startBundle() {
      batched.clear();
      examples.clear();
      rejected.clear();
    }

    @ProcessElement
    public void processElement(@Element ImageRecord image, MultiOutputReceiver out) {
      Pending pending = null;
      try {
        ViewRecipe.Stored stored = recipe.stored(image);
        EncodedImage encoded = EncodedImage.open(stored.image().bytes(), recipe.limits());
        pending = new Pending(stored.image(), encoded.width(), encoded.height(), shards.views());
        addViews(pending, encoded);
        if (stored.faint() || encoded.isFaint()) {
          faintImages.inc();
        }
      } catch (UndecodableImageException e) {
        if (pending != null) {
          removeViews(pending);
        }
        reject(image.key(), e.getMessage());
      }
      output(out.get(ENCODED)::output, out.get(REJECTED)::output);
    }

    @FinishBundle
    public void finishBundle(FinishBundleContext context) {
      encodeBatch();
      Instant end = GlobalWindow.INSTANCE.maxTimestamp();
      output(
          e -> context.output(ENCODED, e, end, GlobalWindow.INSTANCE),
          r -> context.output(REJECTED, r, end, GlobalWindow.INSTANCE));
    }

    private void output(Consumer<MimExample> encoded, Consumer<RejectedImage> notEncoded) {
      examples.forEach(encoded);
      examples.clear();
      rejected.forEach(notEncoded);
      rejected.clear();
    }

    private void addViews(Pending pending, EncodedImage encoded) throws UndecodableImageException {
      String key = pending.image.key();
      for (int i = 0; i < shards.views() && !pending.rejected; i++) {
        View view = recipe.view(shards.seed(), key, i, pending.width, pending.height);
        batch.put(batched.size(), encoded.render(view, shards.inputSize()));
        batched.add(new BatchedView(pending, view));
        if (batched.size() == batchSize) {
          encodeBatch();
        }
      }
    }

    /** An image's views are the last ones of the batch, so all others keep their slots. */
    private void removeViews(Pending pending) {
      batched.removeIf(view -> view.image() == pending);
    }

    private void encodeBatch() {
      if (batched.isEmpty()) {
        return;
      }
      RuntimeException failure = encode(batch.first(batched.size()), batched.size());
      if (failure == null) {
        for (int i = 0; i < batched.size(); i++) {
          accept(batched.get(i), i);
        }
      } else {
        encodeOneByOne(failure);
      }
      batched.clear();
    }

    /** Retries the views of a failed batch one by one, and rejects only images that fail alone. */
    private void encodeOneByOne(RuntimeException batchFailure) {
      ByteBuffer black = new ImageBatch(1, shards.inputSize()).first(1);
      if (encode(black, 1) != null) {
        // If not even a black image can be encoded, no image is at fault.
        throw batchFailure;
      }
      for (int i = 0; i < batched.size(); i++) {
        Pending pending = batched.get(i).image();
        if (pending.rejected) {
          continue;
        }
        RuntimeException failure = encode(batch.slots(i, 1), 1);
        if (failure == null) {
          accept(batched.get(i), 0);
        } else {
          pending.rejected = true;
          reject(pending.image.key(), "cannot be encoded: " + failure.getMessage());
        }
      }
    }

    /** Fills {@link #codes} with the codes of some views; returns the failure, if it fails. */
    @Nullable
    private RuntimeException encode(ByteBuffer images, int count) {
      try {
        encoder.get().encode(images, count, codes);
        return null;
      } catch (InvalidOptionException e) {
        throw e; // no image is at fault
      } catch (RuntimeException e) {
        return e;
      }
    }

    /** Adds a view's codes to its image, which is finished with its last view. */
    private void accept(BatchedView view, int slot) {
      int patches = shards.codesPerView();
      int[] viewCodes = Arrays.copyOfRange(codes, slot * patches, (slot + 1) * patches);
      Pending pending = view.image();
      pending.encoded.add(
          new EncodedView(view.view(), CodePacking.pack(viewCodes, shards.codeBits())));
      encodedViews.inc();
      if (pending.encoded.size() == shards.views()) {
        examples.add(pending.example());
        progress.count(shards.views());
      }
    }

    private void reject(String key, String reason) {
      rejected.add(new RejectedImage(key, reason));
      rejectedImages.inc();
      progress.count(0);
    }

    @Teardown
    public void tearDown() throws IOException {
      progress.close();
      if (encoder != null) {
        encoder.close();
      }
    }
  }
}
