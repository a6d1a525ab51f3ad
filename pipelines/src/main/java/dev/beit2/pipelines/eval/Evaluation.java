package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.List;
import javax.annotation.Nullable;

/**
 * The result of {@code ./beit2 evaluate}, as in {@code evaluation.json}: the names of the
 * components are those of the file.
 *
 * @param backbone folder of the checkpoint
 * @param leaveOneOut whether each image was classified by all the others; null in older files
 * @param trainImages number of labeled images that are searched for the neighbors of an image
 * @param validationImages number of images that are classified
 * @param classes number of classes of the images that are searched
 * @param neighbours number of neighbors, k: the first of {@code --k}, also for the following
 * @param temperature of the neighbors' votes
 * @param cls accuracy with the [CLS] feature, 0 to 1; null if not measured
 * @param mean accuracy with the mean of the patch features, 0 to 1; null if not measured
 * @param untrainedCls {@code cls} of an untrained backbone of the same shape, if measured
 * @param untrainedMean {@code mean} of that backbone, if measured
 * @param clsError standard error of {@code cls}, from the number of images; null in older files
 * @param meanError standard error of {@code mean}; null in older files
 * @param clsGainError standard error of {@code cls − untrainedCls}, from the images on which the
 *     two differ; null if not measured
 * @param meanGainError the same of {@code mean − untrainedMean}
 * @param measures all accuracies, for each feature and each k; null in older files
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Evaluation(
    String backbone,
    @Nullable Boolean leaveOneOut,
    int trainImages,
    int validationImages,
    int classes,
    int neighbours,
    double temperature,
    @Nullable Double cls,
    @Nullable Double mean,
    @Nullable Double untrainedCls,
    @Nullable Double untrainedMean,
    @Nullable Double clsError,
    @Nullable Double meanError,
    @Nullable Double clsGainError,
    @Nullable Double meanGainError,
    @Nullable List<Measure> measures) {
  /** The file's name. */
  public static final String FILE = "evaluation.json";

  /**
   * The accuracy with one feature and one number of neighbours.
   *
   * @param feature such as {@code cls}
   * @param k number of neighbours
   * @param top1 accuracy of the class with the most votes, 0 to 1
   * @param top5 how often the class is among the five with the most votes, 0 to 1
   * @param top1Error standard error of {@code top1}
   */
  public record Measure(String feature, int k, double top1, double top5, double top1Error) {}

  public Evaluation {
    requireNonNull(backbone, "backbone is null");
    if (cls == null && mean == null) {
      throw new IllegalArgumentException("no accuracy");
    }
    measures = measures == null ? null : List.copyOf(measures);
  }

  /** Writes {@code evaluation.json} to a folder. */
  void write(String directory) throws IOException {
    StoredFile.in(directory, FILE).write(Json.pretty(this));
  }

  /**
   * Reads {@code evaluation.json} from a folder.
   *
   * @throws JsonProcessingException if it is no evaluation
   */
  public static Evaluation read(String directory) throws IOException {
    return Json.read(StoredFile.in(directory, FILE).readText(), Evaluation.class);
  }
}
