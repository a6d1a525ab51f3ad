package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.tokenizer.TokenizerValidation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.function.LongConsumer;
import java.util.stream.Stream;

/** Shows images, in the evaluation crop, to a tokenizer that is measured. */
final class HeldOutImages {
  private static final int BATCH = 16;

  private final DecodingLimits limits;
  private final Set<RejectedImage> rejected =
      new ConcurrentSkipListSet<>(Comparator.comparing(RejectedImage::key));

  HeldOutImages(DecodingLimits limits) {
    this.limits = limits;
  }

  /** The images that could not be decoded so far, by key. */
  Set<RejectedImage> rejected() {
    return Collections.unmodifiableSet(rejected);
  }

  /**
   * Shows the first images of an order.
   *
   * @param count how many
   * @param done receives how many were shown, from time to time
   */
  void show(ImageDataset.Epoch images, long count, TokenizerValidation tokenizer, LongConsumer done)
      throws IOException {
    ImageBatch batch = new ImageBatch(BATCH, tokenizer.imageSize());
    for (long from = 0; from < count; from += BATCH) {
      List<ImageRecord> records = new ArrayList<>(BATCH);
      for (long i = from; i < Math.min(count, from + BATCH); i++) {
        records.add(images.read(i));
      }
      int decoded = decode(records, batch);
      if (decoded > 0) {
        tokenizer.add(batch.first(decoded), decoded);
      }
      done.accept(from + records.size());
    }
  }

  /** Decodes images into the first slots, on all processors; returns how many could be decoded. */
  private int decode(List<ImageRecord> records, ImageBatch batch) {
    List<RgbImage> decoded =
        records.parallelStream().flatMap(record -> decode(record, batch.side())).toList();
    for (int slot = 0; slot < decoded.size(); slot++) {
      batch.put(slot, decoded.get(slot));
    }
    return decoded.size();
  }

  private Stream<RgbImage> decode(ImageRecord record, int side) {
    try {
      return Stream.of(EncodedImage.open(record.bytes(), limits).renderForEvaluation(side));
    } catch (UndecodableImageException e) {
      rejected.add(new RejectedImage(record.key(), e.getMessage()));
      return Stream.empty();
    }
  }
}
