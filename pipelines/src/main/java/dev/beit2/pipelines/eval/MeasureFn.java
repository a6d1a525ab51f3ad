package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.eval.NearestNeighbours;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.StreamSupport;
import javax.annotation.Nullable;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.PCollectionView;

/**
 * Classifies images by their nearest neighbors. Input: the folder to write {@code evaluation.json}
 * to.
 */
final class MeasureFn extends DoFn<String, Void> {
  private static final long serialVersionUID = 1L;

  private static final int NEIGHBOURS = 10;
  private static final double TEMPERATURE = 0.07;

  private final String backbone;
  private final ArrayList<PCollectionView<Iterable<ImageFeatures>>> sets;
  private final boolean leaveOneOut;

  /**
   * @param backbone folder of its checkpoint
   * @param sets features of the train images and of the validation images; the latter may be
   *     missing if {@code leaveOneOut}
   * @param leaveOneOut whether each image of both is classified by all the others
   */
  MeasureFn(
      String backbone, List<PCollectionView<Iterable<ImageFeatures>>> sets, boolean leaveOneOut) {
    this.backbone = requireNonNull(backbone, "backbone is null");
    this.sets = new ArrayList<>(sets);
    this.leaveOneOut = leaveOneOut;
  }

  @ProcessElement
  public void processElement(ProcessContext context) throws IOException {
    List<List<ImageFeatures>> images =
        sets.stream().map(set -> sorted(context.sideInput(set))).toList();
    for (int i = 0; i < images.size(); i++) {
      if (images.get(i).isEmpty()) {
        throw new InvalidOptionException(
            i == 0 ? "--train" : "--validation", "no image that can be decoded", "at least one");
      }
    }
    evaluation(images).write(context.element());
  }

  private static List<ImageFeatures> sorted(Iterable<ImageFeatures> images) {
    return StreamSupport.stream(images.spliterator(), false)
        .sorted(Comparator.comparing(ImageFeatures::key))
        .toList();
  }

  private Evaluation evaluation(List<List<ImageFeatures>> images) {
    List<ImageFeatures> known = leaveOneOut ? concatenated(images) : images.get(0);
    List<ImageFeatures> asked = leaveOneOut ? known : images.get(1);
    boolean[] cls = classify(known, asked, 0);
    boolean[] mean = classify(known, asked, 1);
    boolean untrained = known.get(0).features().size() > 2;
    boolean[] untrainedCls = untrained ? classify(known, asked, 2) : null;
    boolean[] untrainedMean = untrained ? classify(known, asked, 3) : null;
    return new Evaluation(
        backbone,
        leaveOneOut,
        leaveOneOut ? known.size() - 1 : known.size(),
        asked.size(),
        (int) known.stream().mapToInt(ImageFeatures::label).distinct().count(),
        NEIGHBOURS,
        TEMPERATURE,
        accuracy(cls),
        accuracy(mean),
        untrained ? accuracy(untrainedCls) : null,
        untrained ? accuracy(untrainedMean) : null,
        standardError(cls, null),
        standardError(mean, null),
        untrained ? standardError(cls, untrainedCls) : null,
        untrained ? standardError(mean, untrainedMean) : null);
  }

  private static List<ImageFeatures> concatenated(List<List<ImageFeatures>> images) {
    return images.stream().flatMap(List::stream).toList();
  }

  private boolean[] classify(List<ImageFeatures> known, List<ImageFeatures> asked, int feature) {
    return leaveOneOut
        ? NearestNeighbours.classifyEach(
            features(known, feature), labels(known), NEIGHBOURS, TEMPERATURE)
        : NearestNeighbours.classify(
            features(known, feature),
            labels(known),
            features(asked, feature),
            labels(asked),
            NEIGHBOURS,
            TEMPERATURE);
  }

  private static float[][] features(List<ImageFeatures> images, int feature) {
    return images.stream().map(image -> image.features().get(feature)).toArray(float[][]::new);
  }

  private static int[] labels(List<ImageFeatures> images) {
    return images.stream().mapToInt(ImageFeatures::label).toArray();
  }

  private static double accuracy(boolean[] right) {
    int count = 0;
    for (boolean one : right) {
      count += one ? 1 : 0;
    }
    return (double) count / right.length;
  }

  /**
   * Standard error of an accuracy, or of the difference between two accuracies on the same images.
   *
   * @param before the other classification; null if there is none
   */
  private static double standardError(boolean[] right, @Nullable boolean[] before) {
    double sum = 0;
    double squares = 0;
    for (int i = 0; i < right.length; i++) {
      int gain = (right[i] ? 1 : 0) - (before != null && before[i] ? 1 : 0);
      sum += gain;
      squares += gain * gain;
    }
    double mean = sum / right.length;
    double variance = Math.max(0, squares / right.length - mean * mean);
    return Math.sqrt(variance / right.length);
  }
}
