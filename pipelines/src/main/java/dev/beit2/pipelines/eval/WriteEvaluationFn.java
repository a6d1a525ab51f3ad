package dev.beit2.pipelines.eval;

import dev.beit2.model.eval.Backbone;
import dev.beit2.model.eval.NearestNeighbours;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.PCollectionView;

/** Turns counts into {@code evaluation.json}. Input: the folder to write it to. */
final class WriteEvaluationFn extends DoFn<String, Void> {
  private static final long serialVersionUID = 1L;

  private final String backbone;
  private final Knn knn;
  private final PCollectionView<Map<String, Long>> counts;

  WriteEvaluationFn(String backbone, Knn knn, PCollectionView<Map<String, Long>> counts) {
    this.backbone = backbone;
    this.knn = knn;
    this.counts = counts;
  }

  @ProcessElement
  public void processElement(ProcessContext context) throws IOException {
    Counts found = new Counts(context.sideInput(counts), knn, images(knn.asked()), knn.ks().get(0));
    List<Evaluation.Measure> measures = new ArrayList<>();
    for (String vector : knn.vectors()) {
      for (int k : knn.ks()) {
        double top1 = found.accuracy(vector, k, 1);
        measures.add(
            new Evaluation.Measure(
                vector, k, top1, found.accuracy(vector, k, 5), found.error(top1)));
      }
    }
    long known = images(knn.known());
    new Evaluation(
            backbone,
            knn.leaveOneOut(),
            Math.toIntExact(knn.leaveOneOut() ? known - 1 : known),
            Math.toIntExact(found.images),
            Math.toIntExact(found.counts.get(Knn.CLASSES)),
            knn.ks().get(0),
            NearestNeighbours.TEMPERATURE,
            found.of(Backbone.CLS),
            found.of(Backbone.MEAN),
            found.of(BackboneSet.UNTRAINED + Backbone.CLS),
            found.of(BackboneSet.UNTRAINED + Backbone.MEAN),
            found.error(found.of(Backbone.CLS)),
            found.error(found.of(Backbone.MEAN)),
            found.gainError(Backbone.CLS),
            found.gainError(Backbone.MEAN),
            measures)
        .write(context.element());
  }

  private static long images(List<MeasuredSet> sets) {
    return sets.stream().mapToLong(set -> set.manifest().rows()).sum();
  }

  private record Counts(Map<String, Long> counts, Knn knn, long images, int firstK) {
    double accuracy(String vector, int k, int of) {
      return (double) counts.get(Knn.right(vector, k, of)) / images;
    }

    /** The accuracy by a vector, null if it was not measured. */
    @Nullable
    Double of(String vector) {
      return knn.vectors().contains(vector) ? accuracy(vector, firstK, 1) : null;
    }

    /** Standard error of an accuracy. */
    @Nullable
    Double error(@Nullable Double accuracy) {
      return accuracy == null ? null : Math.sqrt(accuracy * (1 - accuracy) / images);
    }

    /** Standard error of the gain over the untrained backbone, from the images that differ. */
    @Nullable
    Double gainError(String vector) {
      if (!knn.vectors().contains(BackboneSet.UNTRAINED + vector)) {
        return null;
      }
      double better = counts.getOrDefault(Knn.better(vector), 0L);
      double worse = counts.getOrDefault(Knn.worse(vector), 0L);
      double mean = (better - worse) / images;
      return Math.sqrt(Math.max(0, (better + worse) / images - mean * mean) / images);
    }
  }
}
