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
 * @param title of the page, such as {@code BEiT v2 demo}
 * @param summary of the run
 * @param evaluation data of the k-NN accuracies
 * @param stages of training, in order, with their curves
 * @param codes usage of the codebook in the shards
 * @param examples images to show
 * @param facts about the run, by name, in display order: options, versions, paths
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
   * @param trainImages number of images that the network was trained on, without their labels
   * @param labeledImages number of images that are classified, each by all the others
   * @param classes number of classes
   * @param neighbours number of neighbours, k
   */
  public record Evaluation(int trainImages, int labeledImages, int classes, int neighbours) {}

  /**
   * @param name such as {@code Tokenizer (VQ-KD)}
   * @param about one sentence on what it learns
   */
  public record Stage(String name, String about, List<Chart> charts) {
    public Stage {
      requireNonNull(name, "name is null");
      requireNonNull(about, "about is null");
      charts = List.copyOf(charts);
    }
  }

  /** Curves over the same steps that share the vertical axis. */
  public record Chart(String title, List<Curve> curves) {
    public Chart {
      requireNonNull(title, "title is null");
      curves = List.copyOf(curves);
    }
  }

  record Point(double x, double y) {}

  /**
   * @param points in increasing order of x, all finite
   */
  public record Curve(String name, List<Point> points) {
    public Curve {
      requireNonNull(name, "name is null");
      points = List.copyOf(points);
    }

    /** One metric of a run, from the steps that {@link MetricsLog#read} returns. */
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
   * An image as the networks saw it.
   *
   * @param name such as its key in the dataset
   * @param size height and width in pixels
   * @param rgb 8-bit, {@code [size, size, 3]}
   * @param grid patches along a side
   * @param mask {@code [grid · grid]}, true where the patch was masked
   * @param codes {@code [grid · grid]}
   */
  // Read once and dropped; a list of boxed bytes has no advantage.
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
