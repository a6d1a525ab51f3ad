package dev.beit2.pipelines.compare;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.eval.ProbeResult;
import dev.beit2.pipelines.report.Comparison.Fact;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import javax.annotation.Nullable;

/**
 * What {@code evaluate} or {@code linear-probe} has measured of a backbone.
 *
 * @param backbone where it was read from
 * @param facts by name
 */
record MeasureFacts(String backbone, Map<String, Fact> facts) {
  /**
   * The result in a folder, if there is one.
   *
   * @throws InvalidOptionException if the file is not what its name says
   */
  static Optional<MeasureFacts> read(String folder) throws IOException {
    try {
      if (StoredFile.in(folder, Evaluation.FILE).exists()) {
        return Optional.of(of(Evaluation.read(folder)));
      }
      if (StoredFile.in(folder, ProbeResult.FILE).exists()) {
        return Optional.of(of(ProbeResult.read(folder)));
      }
      return Optional.empty();
    } catch (JsonProcessingException e) {
      throw new InvalidOptionException(
          folder,
          "a result that is none (" + Json.reason(e) + ")",
          "one of ./beit2 evaluate or linear-probe");
    }
  }

  private static MeasureFacts of(Evaluation found) {
    Map<String, Fact> facts = new LinkedHashMap<>();
    String way = Boolean.TRUE.equals(found.leaveOneOut()) ? ", each by the others" : "";
    facts.put("k-NN images", Fact.of(found.validationImages() + way));
    if (found.measures() == null) {
      // As it was written before there were several k.
      String k = ", k = " + found.neighbours();
      put(facts, "k-NN top-1, cls" + k, found.cls(), found.clsError());
      put(facts, "k-NN top-1, mean" + k, found.mean(), found.meanError());
      put(facts, "k-NN top-1, untrained_cls" + k, found.untrainedCls(), null);
      put(facts, "k-NN top-1, untrained_mean" + k, found.untrainedMean(), null);
    } else {
      for (Evaluation.Measure measure : found.measures()) {
        String what = ", %s, k = %d".formatted(measure.feature(), measure.k());
        put(facts, "k-NN top-1" + what, measure.top1(), measure.top1Error());
        put(facts, "k-NN top-5" + what, measure.top5(), null);
      }
    }
    return new MeasureFacts(found.backbone(), facts);
  }

  private static MeasureFacts of(ProbeResult found) {
    Map<String, Fact> facts = new LinkedHashMap<>();
    String preset = "linear probe (" + found.preset() + ")";
    facts.put(preset + " images", Fact.of(Long.toString(found.validationImages())));
    put(facts, preset + " top-1", found.top1().mean(), found.top1().interval());
    put(facts, preset + " top-5", found.top5().mean(), found.top5().interval());
    return new MeasureFacts(found.backbone(), facts);
  }

  private static void put(
      Map<String, Fact> facts, String name, @Nullable Double value, @Nullable Double error) {
    if (value != null) {
      facts.put(name, Fact.ofAccuracy(value, error));
    }
  }

  /** Whether the backbone belongs to the run in a folder. */
  boolean isOf(String run) {
    String place = place(run);
    String own = place(backbone);
    return own.equals(place) || own.startsWith(place + "/");
  }

  /** A path that is the same however it was given. */
  private static String place(String path) {
    StoredFile file = new StoredFile(StoredFile.withoutLastSlash(path));
    return file.localPath().map(Path::normalize).map(Path::toString).orElse(file.path());
  }
}
