package dev.beit2.pipelines.loader;

import dev.beit2.io.ReadAhead;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.atomic.LongAdder;
import java.util.function.LongConsumer;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/** Shows images to a network that is measured. */
public final class HeldOutImages {
  private static final int BATCH = 16;

  private final DecodingLimits limits;
  private final int side;
  private final ExampleLoader.Renderer<ImageRecord> renderer;
  private final Set<RejectedImage> rejected =
      new ConcurrentSkipListSet<>(Comparator.comparing(RejectedImage::key));
  private final LongAdder faint = new LongAdder();

  /** Measures a network on some images. */
  public interface Measure {
    /**
     * Takes the next images.
     *
     * @param batch whose first slots hold their pixels
     * @param images as they are stored, at least one
     */
    void add(ImageBatch batch, List<ImageRecord> images);
  }

  /**
   * @param limits of what is decoded
   * @param side of the images in pixels
   * @param renderer makes the pixels that are shown
   */
  public HeldOutImages(
      DecodingLimits limits, int side, ExampleLoader.Renderer<ImageRecord> renderer) {
    this.limits = limits;
    this.side = side;
    this.renderer = renderer;
  }

  /** Images in the evaluation crop. */
  public static HeldOutImages inEvaluationCrop(DecodingLimits limits, int side) {
    return new HeldOutImages(limits, side, (record, image) -> image.renderForEvaluation(side));
  }

  /** The images that could not be used so far, by key. */
  public Set<RejectedImage> rejected() {
    return Collections.unmodifiableSet(rejected);
  }

  /** How many of the images so far are faint; see {@link EncodedImage#isFaint}. */
  public long faint() {
    return faint.sum();
  }

  /**
   * Shows the first images of an order.
   *
   * @param seed of the order
   * @param count how many
   * @param done receives how many were shown, from time to time
   */
  public void show(ImageDataset images, long seed, long count, Measure measure, LongConsumer done)
      throws IOException {
    ImageDataset.Epoch epoch = images.epoch(seed, 0);
    ReadAhead<ImageDataset.Place, ImageRecord> read =
        images.readAhead(
            LongStream.range(0, count)
                .mapToObj(position -> new ImageDataset.Place(epoch, position))
                .iterator());
    ImageBatch batch = new ImageBatch(BATCH, side);
    for (long from = 0; from < count; from += BATCH) {
      List<ImageRecord> records = new ArrayList<>(BATCH);
      for (long i = from; i < Math.min(count, from + BATCH); i++) {
        records.add(read.next());
      }
      List<ImageRecord> decoded = decode(records, batch);
      if (!decoded.isEmpty()) {
        measure.add(batch, decoded);
      }
      done.accept(from + records.size());
    }
  }

  /** Decodes images into the first slots, on all processors; returns those that could be. */
  private List<ImageRecord> decode(List<ImageRecord> records, ImageBatch batch) {
    List<ExampleLoader.Rendered<ImageRecord>> decoded =
        records.parallelStream().flatMap(this::decode).toList();
    for (int slot = 0; slot < decoded.size(); slot++) {
      batch.put(slot, decoded.get(slot).pixels());
    }
    return decoded.stream().map(ExampleLoader.Rendered::example).toList();
  }

  private Stream<ExampleLoader.Rendered<ImageRecord>> decode(ImageRecord record) {
    try {
      EncodedImage image = EncodedImage.open(record.bytes(), limits);
      RgbImage pixels = renderer.render(record, image);
      if (image.isFaint()) {
        faint.increment();
      }
      return Stream.of(new ExampleLoader.Rendered<>(record, pixels));
    } catch (UndecodableImageException e) {
      rejected.add(new RejectedImage(record.key(), e.getMessage()));
      return Stream.empty();
    }
  }
}
