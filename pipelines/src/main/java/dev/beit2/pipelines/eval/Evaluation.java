package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.annotation.JsonInclude;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * What {@code ./beit2 evaluate} measured, as {@code evaluation.json} holds it.
 *
 * @param backbone the checkpoint's folder
 * @param trainImages whose labels the neighbours bring
 * @param validationImages that are classified
 * @param classes of the training images
 * @param neighbours k
 * @param temperature of the votes
 * @param cls accuracy by [CLS], 0 to 1
 * @param mean accuracy by the mean of the patches, 0 to 1
 * @param untrainedCls accuracy by [CLS] of a backbone as initialised, if that was asked for
 * @param untrainedMean the same by the mean of the patches
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Evaluation(
    String backbone,
    int trainImages,
    int validationImages,
    int classes,
    int neighbours,
    double temperature,
    double cls,
    double mean,
    @Nullable Double untrainedCls,
    @Nullable Double untrainedMean) {
  private static final String FILE = "evaluation.json";

  public Evaluation {
    requireNonNull(backbone, "backbone is null");
  }

  /** Writes {@code evaluation.json} into a folder. */
  void write(String directory) throws IOException {
    StoredFile.in(directory, FILE).write(Json.pretty(this));
  }

  /** Reads what {@link #write} wrote. */
  public static Evaluation read(String directory) throws IOException {
    Map<String, Object> json = Json.object(StoredFile.in(directory, FILE).readText());
    return new Evaluation(
        (String) json.get("backbone"),
        ((Number) json.get("trainImages")).intValue(),
        ((Number) json.get("validationImages")).intValue(),
        ((Number) json.get("classes")).intValue(),
        ((Number) json.get("neighbours")).intValue(),
        number(json, "temperature"),
        number(json, "cls"),
        number(json, "mean"),
        number(json, "untrainedCls"),
        number(json, "untrainedMean"));
  }

  @Nullable
  private static Double number(Map<String, Object> json, String name) {
    return json.get(name) instanceof Number number ? number.doubleValue() : null;
  }
}
