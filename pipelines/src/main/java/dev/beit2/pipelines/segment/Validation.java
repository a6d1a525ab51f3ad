package dev.beit2.pipelines.segment;

import dev.beit2.io.ReadAhead;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.LabelMask;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.segment.Confusion;
import dev.beit2.model.segment.Segmenter;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.pipelines.run.RejectedNote;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/**
 * Measures checkpoints on the images of {@code --validation}, each in its own size, and writes the
 * measures and some pictures. Images that cannot be used are listed in {@code
 * OUTPUT/rejected/validation.jsonl}.
 */
final class Validation {
  private static final int TOGETHER = 8;
  private static final int PICTURES = 8;

  private final SegmentationSpec spec;
  private final Set<RejectedImage> rejected =
      new ConcurrentSkipListSet<>(Comparator.comparing(RejectedImage::key));

  /** An image as the network sees it, and the mask in the size of the original. */
  private record Held(String key, RgbImage image, LabelMask mask) {}

  Validation(SegmentationSpec spec) {
    this.spec = spec;
  }

  /** The measures by metric name. */
  Map<String, Double> measure(ImageDataset images, ReadableByteChannel model) throws IOException {
    Confusion confusion = new Confusion(spec.network().classes());
    List<Prediction> pictures = new ArrayList<>();
    long measured = 0;
    try (Segmenter segmenter = Segmenter.read(model, spec.precision())) {
      ImageBatch window = new ImageBatch(1, segmenter.imageSize());
      ReadAhead<ImageDataset.Place, ImageRecord> read = inOrder(images);
      for (long from = 0; from < images.size(); from += TOGETHER) {
        List<ImageRecord> records = new ArrayList<>(TOGETHER);
        for (long i = from; i < Math.min(images.size(), from + TOGETHER); i++) {
          records.add(read.next());
        }
        for (Held held : records.parallelStream().flatMap(this::decode).toList()) {
          byte[] found = classify(segmenter, window, held);
          confusion.add(held.mask().labels(), found);
          measured++;
          if (pictures.size() < PICTURES) {
            pictures.add(Prediction.of(held.key(), held.image(), held.mask(), found));
          }
        }
      }
    }
    RejectedNote.writeValidation(spec.plan().output(), rejected);
    Map<String, Double> measures = new TreeMap<>();
    measures.put("validation_images", (double) measured);
    measures.put("validation_rejected", (double) rejected.size());
    if (measured > 0) {
      putFinite(measures, "validation_miou", confusion.meanIou());
      putFinite(measures, "validation_mean_accuracy", confusion.meanAccuracy());
      putFinite(measures, "validation_pixel_accuracy", confusion.accuracy());
    }
    SegmentationResult.of(measured, rejected.size(), confusion, spec.classNames())
        .write(spec.plan().output(), pictures);
    return measures;
  }

  /** Metrics are numbers; there is none if no pixel has a class. */
  private static void putFinite(Map<String, Double> measures, String name, double value) {
    if (Double.isFinite(value)) {
      measures.put(name, value);
    }
  }

  private static ReadAhead<ImageDataset.Place, ImageRecord> inOrder(ImageDataset images) {
    ImageDataset.Epoch order = images.epoch(0, 0);
    return images.readAhead(
        LongStream.range(0, images.size())
            .mapToObj(position -> new ImageDataset.Place(order, position))
            .iterator());
  }

  private Stream<Held> decode(ImageRecord record) {
    try {
      EncodedImage image = EncodedImage.open(record.bytes(), spec.limits());
      LabelMask mask = spec.validation().mask(record.key(), image, spec.limits());
      return Stream.of(
          new Held(record.key(), spec.augmentation().forEvaluation(image.pixels()), mask));
    } catch (UndecodableImageException e) {
      rejected.add(new RejectedImage(record.key(), e.getMessage()));
      return Stream.empty();
    }
  }

  private static byte[] classify(Segmenter segmenter, ImageBatch window, Held held) {
    RgbImage image = held.image();
    return segmenter.classify(
        image.height(),
        image.width(),
        (part, input) ->
            window.put(
                0, image, part.left(), part.top(), part.width(), part.height(), ImageNet.mean()),
        window.first(1),
        held.mask().height(),
        held.mask().width());
  }
}
