package dev.beit2.pipelines.report;

import dev.beit2.io.shard.CodeUsage;
import dev.beit2.pipelines.html.Html;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;

/** Codebook usage as SVG bars, whose colours are classes of {@code page.css}. */
final class UsageHistogram {
  private static final int MOST_BARS = 512;

  private UsageHistogram() {}

  /** Bars in the order of the codes' numbers. */
  static String byNumber(CodeUsage usage) {
    return figure("By code number", "code", usage.counts(), usage);
  }

  /** Bars from the most used code to the least used. */
  static String byUse(CodeUsage usage) {
    List<Long> sorted = new ArrayList<>(usage.counts());
    sorted.sort(Collections.reverseOrder());
    return figure("By use, the most used first", "rank", sorted, usage);
  }

  private static String figure(String title, String unit, List<Long> counts, CodeUsage usage) {
    int together = (counts.size() + MOST_BARS - 1) / MOST_BARS;
    double most = 1;
    StringBuilder bars = new StringBuilder();
    List<Double> heights = new ArrayList<>();
    for (int first = 0; first < counts.size(); first += together) {
      List<Long> bar = counts.subList(first, Math.min(counts.size(), first + together));
      double height = bar.stream().mapToLong(Long::longValue).average().orElse(0);
      heights.add(height);
      most = Math.max(most, height);
    }
    Plot plot = new Plot(Axis.between(0, counts.size(), 6), Axis.around(0, most, 4), unit);
    for (int i = 0; i < heights.size(); i++) {
      bars.append(
          bar(
              plot,
              unit,
              i * together,
              Math.min(counts.size(), (i + 1) * together),
              heights.get(i)));
    }
    double even = usage.total() / (double) counts.size();
    bars.append("<path class=\"even\" d=\"M")
        .append(plot.at(0, even))
        .append('L')
        .append(plot.at(counts.size(), even))
        .append("\"/>\n");
    String description =
        String.format(
            Locale.ROOT,
            "Use of the codes, %s: %d of %d in use, the most used %.0f times",
            title.toLowerCase(Locale.ROOT),
            usage.inUse(),
            usage.codebookSize(),
            most);
    return "<figure class=\"chart\">\n<figcaption>"
        + title
        + "<span class=\"legend\"><span class=\"key\"><svg class=\"swatch\" viewBox=\"0 0 24 8\""
        + " aria-hidden=\"true\"><path class=\"even\" d=\"M1 4H23\"/></svg>even"
        + " use</span></span></figcaption>\n"
        + plot.open(description)
        + bars
        + plot.close()
        + (together > 1
            ? "<p class=\"note\">A bar is the mean of " + together + " codes.</p>\n"
            : "")
        + "</figure>\n";
  }

  private static String bar(Plot plot, String unit, int first, int end, double height) {
    if (height == 0) {
      return "";
    }
    double left = plot.x(first);
    // Wide bars leave a gap to the next one.
    double width = plot.x(end) - left;
    String what = first + 1 == end ? unit + " " + first : unit + "s " + first + " to " + (end - 1);
    return String.format(
        Locale.ROOT,
        "<rect class=\"bar\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>%s:"
            + " %s</title></rect>\n",
        left,
        plot.y(height),
        width > 2 ? width - 0.6 : width,
        plot.y(0) - plot.y(height),
        what,
        Html.number(height));
  }
}
