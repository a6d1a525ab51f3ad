package dev.beit2.pipelines.vqkd;

import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.shard.CodeUsage;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.TokenizerValidation;
import dev.beit2.model.torch.Kernels;
import dev.beit2.pipelines.loader.HeldOutImages;
import dev.beit2.pipelines.run.RejectedNote;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;
import java.util.TreeMap;

/**
 * Measures checkpoints on the images of {@code --validation}, in the evaluation crop. Those that
 * cannot be decoded are listed in {@code OUTPUT/rejected/validation.jsonl}.
 */
final class Validation {
  static final String CODE_USAGE = "validation_code_usage";

  private final VqKdSpec spec;

  Validation(VqKdSpec spec) {
    this.spec = spec;
  }

  /**
   * The measures by metric name: mean reconstruction loss, codes in use and their fraction of the
   * codebook, perplexity, and how many images there were or could not be decoded.
   */
  Map<String, Double> measure(ImageDataset images, ReadableByteChannel model) throws IOException {
    Kernels kernels = Kernels.of(spec.precision());
    try (Teacher teacher = spec.teacher().open();
        TokenizerValidation validation = TokenizerValidation.read(model, teacher, kernels)) {
      HeldOutImages all = HeldOutImages.inEvaluationCrop(spec.limits(), validation.imageSize());
      all.show(
          images,
          0,
          images.size(),
          (batch, shown) -> validation.add(batch.first(shown.size()), shown.size()),
          done -> {});
      RejectedNote.writeValidation(spec.plan().output(), all.rejected());
      Map<String, Double> measures = new TreeMap<>();
      measures.put("validation_images", (double) validation.images());
      measures.put("validation_rejected", (double) all.rejected().size());
      if (validation.images() > 0) {
        CodeUsage usage = CodeUsage.of(validation.counts());
        measures.put("validation_reconstruction_loss", validation.reconstructionLoss());
        measures.put("validation_codes_in_use", (double) usage.inUse());
        measures.put(CODE_USAGE, usage.inUse() / (double) usage.codebookSize());
        measures.put("validation_perplexity", usage.perplexity());
      }
      return measures;
    }
  }
}
