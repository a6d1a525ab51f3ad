package dev.beit2.pipelines.vqkd;

import static java.util.stream.Collectors.joining;

import dev.beit2.io.Json;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.shard.CodeUsage;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.TokenizerValidation;
import dev.beit2.model.torch.Kernels;
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
import java.util.stream.Stream;

/**
 * Measures checkpoints on the images of {@code --validation}, in the evaluation crop. Those that
 * cannot be decoded are listed in {@code OUTPUT/rejected/validation.jsonl}.
 */
final class Validation {
  private static final String REJECTED = "validation.jsonl";
  static final String CODE_USAGE = "validation_code_usage";
  private static final int BATCH = 16;

  private final VqKdSpec spec;
  private final Set<RejectedImage> rejected =
      new ConcurrentSkipListSet<>(Comparator.comparing(RejectedImage::key));

  Validation(VqKdSpec spec) {
    this.spec = spec;
  }

  /**
   * The measures by metric name: mean reconstruction loss, codes in use and their fraction of the
   * codebook, perplexity, and how many images there were or could not be decoded.
   */
  Map<String, Double> measure(ImageDataset images, ReadableByteChannel model) throws IOException {
    Kernels kernels = Kernels.of(spec.precision());
    int patch = spec.network().encoder().patchSize();
    try (TokenizerValidation validation =
        TokenizerValidation.read(model, Teacher.hog(kernels, patch), kernels)) {
      addAll(images, validation);
      writeRejected();
      Map<String, Double> measures = new TreeMap<>();
      measures.put("validation_images", (double) validation.images());
      measures.put("validation_rejected", (double) rejected.size());
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

  private void writeRejected() throws IOException {
    if (!rejected.isEmpty()) {
      StoredFile.in(RejectedNote.folder(spec.plan().output()), REJECTED)
          .write(rejected.stream().map(Json::line).collect(joining("\n", "", "\n")));
    }
  }

  private void addAll(ImageDataset images, TokenizerValidation validation) throws IOException {
    ImageDataset.Epoch all = images.epoch(0, 0);
    ImageBatch batch = new ImageBatch(BATCH, spec.network().encoder().imageSize());
    for (long from = 0; from < images.size(); from += BATCH) {
      List<ImageRecord> records = new ArrayList<>(BATCH);
      for (long i = from; i < Math.min(images.size(), from + BATCH); i++) {
        records.add(all.read(i));
      }
      int decoded = decode(records, batch);
      if (decoded > 0) {
        validation.add(batch.first(decoded), decoded);
      }
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
      return Stream.of(EncodedImage.open(record.bytes(), spec.limits()).renderForEvaluation(side));
    } catch (UndecodableImageException e) {
      rejected.add(new RejectedImage(record.key(), e.getMessage()));
      return Stream.empty();
    }
  }
}
