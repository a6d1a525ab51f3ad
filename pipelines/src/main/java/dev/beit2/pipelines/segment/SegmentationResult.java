package dev.beit2.pipelines.segment;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.segment.Confusion;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * How well the newest checkpoint segments held-out images, as in {@code segmentation.json}: the
 * names of the components are those of the file. All fractions are 0 to 1, null where there are no
 * pixels.
 *
 * @param images that were measured
 * @param rejected images that could not be
 * @param meanIou mean of the classes' {@code iou} (mIoU)
 * @param meanAccuracy mean of the classes' {@code accuracy} (mAcc)
 * @param pixelAccuracy fraction of all pixels whose class was found (aAcc)
 * @param classes by label
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record SegmentationResult(
    long images,
    long rejected,
    @Nullable Double meanIou,
    @Nullable Double meanAccuracy,
    @Nullable Double pixelAccuracy,
    List<ClassResult> classes) {
  static final String FILE = "segmentation.json";
  private static final String PAGE = "segmentation.html";
  private static final String PICTURES = "predictions";

  /**
   * One class.
   *
   * @param name of the class, or its label
   * @param pixels that have it
   * @param iou pixels that have it and were found in it, over those that have it or were found
   * @param accuracy fraction of its pixels that were found
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record ClassResult(String name, long pixels, @Nullable Double iou, @Nullable Double accuracy) {}

  SegmentationResult {
    classes = List.copyOf(classes);
  }

  /**
   * @param names of the classes by label; there may be fewer
   */
  static SegmentationResult of(
      long images, long rejected, Confusion confusion, List<String> names) {
    List<ClassResult> classes = new ArrayList<>();
    for (int label = 0; label < confusion.classes(); label++) {
      classes.add(
          new ClassResult(
              label < names.size() ? names.get(label) : Integer.toString(label),
              confusion.pixels(label),
              finite(confusion.iou(label)),
              finite(confusion.accuracy(label))));
    }
    return new SegmentationResult(
        images,
        rejected,
        finite(confusion.meanIou()),
        finite(confusion.meanAccuracy()),
        finite(confusion.accuracy()),
        classes);
  }

  @Nullable
  private static Double finite(double value) {
    return Double.isFinite(value) ? value : null;
  }

  /** Writes {@code segmentation.json}, {@code segmentation.html} and the pictures. */
  void write(String output, List<Prediction> pictures) throws IOException {
    Map<String, byte[]> files = new LinkedHashMap<>();
    for (Prediction picture : pictures) {
      String name = picture.key().replace('/', '_').replaceFirst("\\.[^.]*$", "") + ".png";
      StoredFile.in(StoredFile.in(output, PICTURES).path(), name).write(picture.png());
      files.put(picture.key(), picture.png());
    }
    StoredFile.in(output, PAGE).write(new SegmentationPage(this, files).html());
    StoredFile.in(output, FILE).write(Json.pretty(this)); // last: it says that all are there
  }

  /**
   * Reads {@code segmentation.json} from a folder.
   *
   * @throws JsonProcessingException if it is no result
   */
  static SegmentationResult read(String directory) throws IOException {
    return Json.read(StoredFile.in(directory, FILE).readText(), SegmentationResult.class);
  }
}
