package dev.beit2.pipelines.report;

import dev.beit2.pipelines.html.Html;
import java.util.Locale;

/**
 * The frame of an SVG plot: its axes with ticks, and the position of a value.
 *
 * @param across the horizontal axis
 * @param up the vertical axis
 * @param unit of the horizontal axis
 */
record Plot(Axis across, Axis up, String unit) {
  // Units of the view box. The page scales it, so the letters must suit the narrowest screen.
  private static final int WIDTH = 440;
  private static final int HEIGHT = 250;
  private static final int LEFT = 54;
  private static final int RIGHT = WIDTH - 14;
  private static final int TOP = 12;
  private static final int BOTTOM = HEIGHT - 40;

  double x(double value) {
    return LEFT + across.fraction(value) * (RIGHT - LEFT);
  }

  double y(double value) {
    return BOTTOM - up.fraction(value) * (BOTTOM - TOP);
  }

  /** A point in the syntax of a path's data. */
  String at(double x, double y) {
    return String.format(Locale.ROOT, "%.1f %.1f", x(x), y(y));
  }

  /** The start of the SVG element, with the axes. */
  String open(String description) {
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg class=\"plot\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            WIDTH,
            HEIGHT,
            Html.escape(description)));
    for (double tick : up.ticks()) {
      double y = y(tick);
      svg.append(
          String.format(
              Locale.ROOT,
              "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"tick end\" x=\"%d\" y=\"%.1f\">%s</text>\n",
              LEFT,
              y,
              RIGHT,
              LEFT - 6,
              y + 4,
              up.label(tick)));
    }
    for (double tick : across.ticks()) {
      double x = x(tick);
      svg.append(
          String.format(
              Locale.ROOT,
              "<path class=\"axis\" d=\"M%.1f %dv4\"/><text class=\"tick middle\" x=\"%.1f\" y=\"%d\">%s</text>\n",
              x,
              BOTTOM,
              x,
              BOTTOM + 17,
              across.label(tick)));
    }
    svg.append(
        String.format(
            Locale.ROOT,
            "<path class=\"axis\" d=\"M%d %dH%d\"/><text class=\"tick middle\" x=\"%d\" y=\"%d\">%s</text>\n",
            LEFT,
            BOTTOM,
            RIGHT,
            (LEFT + RIGHT) / 2,
            HEIGHT - 5,
            Html.escape(unit)));
    return svg.toString();
  }

  /** The end of the SVG element. */
  String close() {
    return "</svg>\n";
  }
}
