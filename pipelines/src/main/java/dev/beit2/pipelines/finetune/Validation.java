package dev.beit2.pipelines.finetune;

import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.eval.ClassifierValidation;
import dev.beit2.pipelines.loader.HeldOutImages;
import dev.beit2.pipelines.run.RejectedNote;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;
import java.util.TreeMap;

/**
 * Measures checkpoints on the images of {@code --validation}. Those that cannot be used are listed
 * in {@code OUTPUT/rejected/validation.jsonl}.
 */
final class Validation {
  /** From this size on the centre is not cropped (official {@code datasets.py}). */
  private static final int WHOLE_FROM = 384;

  private static final double CROP = 224 / 256.0;

  private final FineTuningSpec spec;

  Validation(FineTuningSpec spec) {
    this.spec = spec;
  }

  /**
   * The measures by metric name: top-1 and top-5 accuracy with their standard errors, loss, and how
   * many images there were or could not be used.
   */
  Map<String, Double> measure(ImageDataset images, ReadableByteChannel model) throws IOException {
    try (ClassifierValidation classifier = ClassifierValidation.read(model, spec.precision())) {
      HeldOutImages all = new HeldOutImages(spec.limits(), classifier.imageSize(), this::render);
      all.show(
          images,
          0,
          images.size(),
          (batch, shown) ->
              classifier.add(
                  batch.first(shown.size()),
                  shown.stream().mapToLong(ImageRecord::label).toArray()),
          done -> {});
      RejectedNote.writeValidation(spec.plan().output(), all.rejected());
      Map<String, Double> measures = new TreeMap<>();
      measures.put("validation_images", (double) classifier.images());
      measures.put("validation_rejected", (double) all.rejected().size());
      if (classifier.images() > 0) {
        measures.put("validation_loss", classifier.loss());
        putAccuracy(measures, "validation_top1", classifier.top1(), classifier.images());
        putAccuracy(measures, "validation_top5", classifier.top5(), classifier.images());
      }
      return measures;
    }
  }

  private static void putAccuracy(
      Map<String, Double> measures, String name, double accuracy, long images) {
    measures.put(name + "_accuracy", accuracy);
    measures.put(name + "_standard_error", Math.sqrt(accuracy * (1 - accuracy) / images));
  }

  private RgbImage render(ImageRecord record, EncodedImage image) throws UndecodableImageException {
    spec.requireLabel(record);
    int side = spec.network().backbone().imageSize();
    return image.renderForEvaluation(side, side < WHOLE_FROM ? (int) (side / CROP) : side);
  }
}
