package dev.beit2.pipelines.report;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.shard.CodeUsage;
import dev.beit2.pipelines.run.MetricsLog;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What {@code report.html} shows.
 *
 * @param title the page's, such as {@code BEiT v2 demo}
 * @param summary the run's figures
 * @param evaluation what the k-NN accuracies were measured on
 * @param stages the stages that learn, in order, with their curves
 * @param codes how often each code was given to a patch of the shards
 * @param examples pictures to look at
 * @param facts of the run, by name, in the order to show: options, versions, paths
 */
public record ReportData(
    String title,
    DemoSummary summary,
    Evaluation evaluation,
    List<Stage> stages,
    CodeUsage codes,
    List<Example> examples,
    Map<String, String> facts) {
  public ReportData {
    requireNonNull(title, "title is null");
    requireNonNull(summary, "summary is null");
    requireNonNull(evaluation, "evaluation is null");
    requireNonNull(codes, "codes is null");
    stages = List.copyOf(stages);
    examples = List.copyOf(examples);
    facts = Collections.unmodifiableMap(new LinkedHashMap<>(facts));
  }

  /**
   * @param trainPictures whose labels the neighbours bring
   * @param validationPictures that are classified
   * @param classes of both
   * @param neighbours k
   */
  public record Evaluation(
      int trainPictures, int validationPictures, int classes, int neighbours) {}

  /**
   * @param name such as {@code Tokenizer (VQ-KD)}
   * @param about a sentence on what it learns
   */
  public record Stage(String name, String about, List<Chart> charts) {
    public Stage {
      requireNonNull(name, "name is null");
      requireNonNull(about, "about is null");
      charts = List.copyOf(charts);
    }
  }

  /** Curves over the same steps, with one scale. */
  public record Chart(String title, List<Curve> curves) {
    public Chart {
      requireNonNull(title, "title is null");
      curves = List.copyOf(curves);
    }
  }

  record Point(double x, double y) {}

  /**
   * @param points by rising x, all finite
   */
  public record Curve(String name, List<Point> points) {
    public Curve {
      requireNonNull(name, "name is null");
      points = List.copyOf(points);
    }

    /** One metric of a run over its steps, as {@link MetricsLog#read} gives them. */
    public static Curve of(String name, List<Map<String, Double>> steps, String metric) {
      List<Point> points = new ArrayList<>();
      for (Map<String, Double> step : steps) {
        Double x = step.get("step");
        Double y = step.get(metric);
        if (x != null && y != null && Double.isFinite(y)) {
          points.add(new Point(x, y));
        }
      }
      return new Curve(name, points);
    }
  }

  /**
   * A picture as the networks saw it.
   *
   * @param name such as its key in the data set
   * @param size pixels a side
   * @param rgb 8-bit, [size, size, 3]
   * @param grid patches a side
   * @param mask [grid · grid], true where the patch was masked
   * @param codes [grid · grid], the tokenizer's
   */
  // Read once and dropped; a list of boxed bytes would be no better.
  @SuppressWarnings("ArrayRecordComponent")
  public record Example(String name, int size, byte[] rgb, int grid, boolean[] mask, int[] codes) {
    public Example {
      requireNonNull(name, "name is null");
      requireLength("rgb", rgb.length, size * size * 3);
      requireLength("mask", mask.length, grid * grid);
      requireLength("codes", codes.length, grid * grid);
    }

    private static void requireLength(String what, int found, int wanted) {
      if (found != wanted) {
        throw new IllegalArgumentException(what + " has length " + found + ", not " + wanted);
      }
    }
  }
}
