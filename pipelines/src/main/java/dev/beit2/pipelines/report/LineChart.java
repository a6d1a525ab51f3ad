package dev.beit2.pipelines.report;

import dev.beit2.pipelines.html.Html;
import dev.beit2.pipelines.report.ReportData.Chart;
import dev.beit2.pipelines.report.ReportData.Curve;
import dev.beit2.pipelines.report.ReportData.Point;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Curves over steps as an SVG plot, whose colours are classes of {@code page.css}. */
final class LineChart {
  /** Number of line styles in the style sheet. */
  static final int STYLES = 4;

  private static final int MOST_POINTS = 500;
  // Fewer points are not noisy enough to need smoothing.
  private static final int SMOOTHED_FROM = 60;
  private static final int HOVERS = 24;

  private final Chart chart;
  private final Axis across;
  private final Axis up;

  private LineChart(Chart chart) {
    this.chart = chart;
    double[] x = bounds(chart, true);
    double[] y = bounds(chart, false);
    this.across = Axis.between(x[0], x[1], 6);
    this.up = Axis.around(y[0], y[1], 5);
  }

  /** The figure with heading, legend and plot, or a note if there are no points. */
  static String figure(Chart chart) {
    String heading =
        "<figcaption>" + Html.escape(chart.title()) + legend(chart) + "</figcaption>\n";
    boolean empty = chart.curves().stream().allMatch(curve -> curve.points().isEmpty());
    String body =
        empty ? "<p class=\"note\">Nothing was logged.</p>\n" : new LineChart(chart).svg();
    return "<figure class=\"chart\">\n" + heading + body + "</figure>\n";
  }

  private static String legend(Chart chart) {
    StringBuilder legend = new StringBuilder("<span class=\"legend\">");
    for (int i = 0; i < chart.curves().size(); i++) {
      legend
          .append(
              "<span class=\"key\"><svg class=\"swatch\" viewBox=\"0 0 24 8\" aria-hidden=\"true\">")
          .append("<path class=\"line c")
          .append(i % STYLES)
          .append("\" d=\"M1 4H23\"/></svg>")
          .append(Html.escape(chart.curves().get(i).name()))
          .append("</span>");
    }
    return legend.append("</span>").toString();
  }

  private static double[] bounds(Chart chart, boolean ofX) {
    double least = Double.POSITIVE_INFINITY;
    double most = Double.NEGATIVE_INFINITY;
    for (Curve curve : chart.curves()) {
      for (Point point : curve.points()) {
        least = Math.min(least, ofX ? point.x() : point.y());
        most = Math.max(most, ofX ? point.x() : point.y());
      }
    }
    return new double[] {least, most};
  }

  private String svg() {
    Plot plot = new Plot(across, up, "step");
    StringBuilder svg = new StringBuilder(plot.open(description()));
    boolean smoothed = false;
    for (int i = 0; i < chart.curves().size(); i++) {
      List<Point> points = thinned(chart.curves().get(i).points());
      if (points.size() >= SMOOTHED_FROM) {
        smoothed = true;
        svg.append(path(plot, points, "raw c" + i % STYLES));
        points = smoothed(points);
      }
      svg.append(path(plot, points, "line c" + i % STYLES));
      svg.append(hovers(plot, points, chart.curves().get(i).name()));
    }
    svg.append(plot.close());
    return smoothed
        ? svg + "<p class=\"note\">Faint: measured values. Strong: running mean.</p>\n"
        : svg.toString();
  }

  private String description() {
    StringBuilder text = new StringBuilder(chart.title());
    for (Curve curve : chart.curves()) {
      if (!curve.points().isEmpty()) {
        Point first = curve.points().get(0);
        Point last = curve.points().get(curve.points().size() - 1);
        text.append(
            String.format(
                Locale.ROOT,
                "; %s: %s at step %.0f, %s at step %.0f",
                curve.name(),
                Html.number(first.y()),
                first.x(),
                Html.number(last.y()),
                last.x()));
      }
    }
    return text.toString();
  }

  /** Averages neighbours if there are more points than pixels to show them. */
  private static List<Point> thinned(List<Point> points) {
    int together = (points.size() + MOST_POINTS - 1) / MOST_POINTS;
    if (together <= 1) {
      return points;
    }
    List<Point> thinned = new ArrayList<>();
    for (int i = 0; i < points.size(); i += together) {
      thinned.add(mean(points.subList(i, Math.min(points.size(), i + together))));
    }
    return thinned;
  }

  private static List<Point> smoothed(List<Point> points) {
    int side = points.size() / 40;
    List<Point> smoothed = new ArrayList<>();
    for (int i = 0; i < points.size(); i++) {
      // The window is symmetric, because a one-sided mean bends the ends, but has a minimum width.
      int reach = Math.max(side / 2, Math.min(side, Math.min(i, points.size() - 1 - i)));
      Point mean =
          mean(points.subList(Math.max(0, i - reach), Math.min(points.size(), i + reach + 1)));
      smoothed.add(new Point(points.get(i).x(), mean.y()));
    }
    return smoothed;
  }

  private static Point mean(List<Point> points) {
    double x = 0;
    double y = 0;
    for (Point point : points) {
      x += point.x();
      y += point.y();
    }
    return new Point(x / points.size(), y / points.size());
  }

  private static String path(Plot plot, List<Point> points, String style) {
    StringBuilder path = new StringBuilder("<path class=\"" + style + "\" d=\"");
    for (int i = 0; i < points.size(); i++) {
      path.append(i == 0 ? 'M' : 'L').append(plot.at(points.get(i).x(), points.get(i).y()));
    }
    return path.append("\"/>\n").toString();
  }

  private static String hovers(Plot plot, List<Point> points, String name) {
    StringBuilder hovers = new StringBuilder();
    int every = Math.max(1, points.size() / HOVERS);
    for (int i = 0; i < points.size(); i += every) {
      Point point = points.get(i);
      hovers
          .append(
              String.format(
                  Locale.ROOT,
                  "<circle class=\"hover\" cx=\"%.1f\" cy=\"%.1f\" r=\"9\">",
                  plot.x(point.x()),
                  plot.y(point.y())))
          .append("<title>")
          .append(
              Html.escape(
                  String.format(
                      Locale.ROOT, "step %.0f: %s %s", point.x(), name, Html.number(point.y()))))
          .append("</title></circle>\n");
    }
    return hovers.toString();
  }
}
