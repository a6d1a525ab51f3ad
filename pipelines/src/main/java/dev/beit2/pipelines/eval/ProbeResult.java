package dev.beit2.pipelines.eval;

import com.fasterxml.jackson.annotation.JsonIgnore;
import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * The result of {@code ./beit2 linear-probe}, as in {@code probe.json}: the names of the components
 * are those of the file.
 *
 * @param backbone where the features' backbone was read from
 * @param preset of the command
 * @param trainImages number of images that the heads are trained on
 * @param validationImages number of images of the accuracies
 * @param classes number of classes
 * @param top1 accuracy, 0 to 1
 * @param top5 how often the class has one of the five highest logits, 0 to 1
 * @param vectors {@code top1} with each vector alone
 * @param seeds what each seed chose and reached
 */
public record ProbeResult(
    String backbone,
    String preset,
    long trainImages,
    long validationImages,
    int classes,
    Estimate top1,
    Estimate top5,
    Map<String, Estimate> vectors,
    List<Seed> seeds) {
  /** The file's name. */
  public static final String FILE = "probe.json";

  /** Student's t at 97.5 %, by degrees of freedom from 1 on; beyond, the normal distribution's. */
  private static final double[] STUDENT = {
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042
  };

  private static final double NORMAL = 1.960;

  /**
   * A mean over seeds.
   *
   * @param interval half of its 95 % confidence interval (Student's t); null for a single seed. It
   *     covers the randomness of the probe, not that of the choice of validation images
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record Estimate(double mean, @Nullable Double interval) {
    static Estimate of(List<Double> values) {
      int n = values.size();
      double mean = values.stream().mapToDouble(v -> v).average().orElseThrow();
      if (n == 1) {
        return new Estimate(mean, null);
      }
      double squares = values.stream().mapToDouble(v -> (v - mean) * (v - mean)).sum();
      double t = n - 2 < STUDENT.length ? STUDENT[n - 2] : NORMAL;
      return new Estimate(mean, t * Math.sqrt(squares / (n - 1) / n));
    }

    /** The estimate for people: {@code 0.612 ± 0.010}. */
    @JsonIgnore
    public String text() {
      return interval == null
          ? String.format(Locale.ROOT, "%.3f", mean)
          : String.format(Locale.ROOT, "%.3f ± %.3f", mean, interval);
    }
  }

  /**
   * @param vector of the head that was chosen
   * @param learningRate of that head, for the batch size that was used
   * @param heldOut accuracy on the held-out images, 0 to 1
   * @param top1 accuracy on the validation images, 0 to 1
   */
  public record Seed(long seed, String vector, double learningRate, double heldOut, double top1) {}

  void write(String directory) throws IOException {
    StoredFile.in(directory, FILE).write(Json.pretty(this));
  }

  /**
   * Reads {@code probe.json} from a folder.
   *
   * @throws JsonProcessingException if it is none
   */
  public static ProbeResult read(String directory) throws IOException {
    return Json.read(StoredFile.in(directory, FILE).readText(), ProbeResult.class);
  }
}
