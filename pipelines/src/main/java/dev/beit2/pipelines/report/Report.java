package dev.beit2.pipelines.report;

import dev.beit2.io.shard.CodeUsage;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.html.Html;
import dev.beit2.pipelines.report.ReportData.Chart;
import dev.beit2.pipelines.report.ReportData.Evaluation;
import dev.beit2.pipelines.report.ReportData.Example;
import dev.beit2.pipelines.report.ReportData.Stage;
import java.io.IOException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;

/**
 * The page {@code report.html} of a demo: accuracies, images with their masks and codes, training
 * curves, codebook usage. It is one file without scripts that loads nothing else, and its content
 * security policy forbids it to.
 */
public final class Report {
  private static final String NAME = "report.html";

  private final ReportData data;

  private Report(ReportData data) {
    this.data = data;
  }

  /** Writes {@code report.html} to a folder. */
  public static void write(String directory, ReportData data) throws IOException {
    StoredFile.in(directory, NAME).write(html(data));
  }

  static String html(ReportData data) throws IOException {
    Report report = new Report(data);
    return Html.head(data.title())
        + report.opening()
        + report.tiles()
        + report.neighbours()
        + report.images()
        + report.curves()
        + report.codes()
        + report.run()
        + "</main>\n</html>\n";
  }

  private String opening() {
    Evaluation on = data.evaluation();
    double trained = data.summary().knn().cls();
    double untrained = data.summary().knn().untrainedCls();
    String headline =
        "After %s of training without labels, the [CLS] feature classifies %s of %d"
            + " photographs correctly; that of the untrained network, %s.";
    return """
        <header>
        <p class="title">%s</p>
        <h1>%s</h1>
        <p class="lead">From %d photographs the network learned to predict the visual codes of \
        masked patches, and to summarize an image in one vector, [CLS]. The nearest neighbours of \
        that vector give the class, one of %d. %s</p>
        </header>
        """
        .formatted(
            Html.escape(data.title()),
            headline.formatted(
                Progress.span(total()),
                Html.percent(trained),
                on.labeledImages(),
                Html.percent(untrained)),
            on.trainImages(),
            on.classes(),
            verdict(trained - untrained));
  }

  /** A warning, if the gain is not significant. */
  private String verdict(double gain) {
    if (gain > 2 * data.summary().knn().clsGainError()) {
      return "";
    }
    return gain > 0
        ? "<strong>The gain is within the uncertainty of so few images.</strong>"
        : "<strong>In this run pretraining did not help.</strong>";
  }

  private Duration total() {
    double seconds = data.summary().seconds().values().stream().mapToDouble(s -> s).sum();
    return Duration.ofMillis(Math.round(seconds * 1e3));
  }

  private String tiles() {
    DemoSummary.Tokenizer tokenizer = data.summary().tokenizer();
    DemoSummary.Pretrain pretrain = data.summary().pretrain();
    return "<ul class=\"tiles\">\n"
        + tile(
            Html.percent((double) tokenizer.codesInUse() / tokenizer.codebookSize()),
            "of the codebook in use",
            "%s of %s codes, perplexity %s"
                .formatted(
                    Html.number(tokenizer.codesInUse()),
                    Html.number(tokenizer.codebookSize()),
                    Html.number(tokenizer.perplexity())))
        + tile(
            Html.number(tokenizer.firstLoss()) + " → " + Html.number(tokenizer.lastLoss()),
            "tokenizer loss",
            "first to last steps")
        + tile(
            Html.number(pretrain.firstLoss()) + " → " + Html.number(pretrain.lastLoss()),
            "pretraining loss",
            "first to last steps")
        + tile(
            Html.percent(pretrain.maskedAccuracy()),
            "of masked patches predicted",
            "the exact code among %s".formatted(Html.number(tokenizer.codebookSize())))
        + "</ul>\n";
  }

  private static String tile(String figure, String what, String more) {
    return "<li><b>%s</b><span>%s</span><small>%s</small></li>\n".formatted(figure, what, more);
  }

  private String neighbours() {
    DemoSummary.Knn knn = data.summary().knn();
    Evaluation on = data.evaluation();
    return """
        <section>
        <h2>Quality of the features</h2>
        <p>Each of %d labelled photographs is classified by its %d nearest neighbours among the \
        others. Chance is %s. ± is the standard error of the difference.</p>
        <div class="wide knn"><table>
        <caption>k-NN accuracy</caption>
        <thead><tr><th scope="col">Feature<th scope="col">Untrained<th scope="col">Pretrained\
        <th scope="col">Points</tr></thead>
        <tbody>
        %s%s</tbody>
        </table></div>
        </section>
        """
        .formatted(
            on.labeledImages(),
            on.neighbours(),
            Html.percent(1.0 / on.classes()),
            knnRow("[CLS]", knn.untrainedCls(), knn.cls(), knn.clsGainError()),
            knnRow("Mean of patches", knn.untrainedMean(), knn.mean(), knn.meanGainError()));
  }

  private static String knnRow(String feature, double untrained, double trained, double gainError) {
    return "<tr><th scope=\"row\">%s<td>%s<td>%s<td>%s</tr>\n"
        .formatted(
            feature,
            meter(untrained, 1, Html.percent(untrained), "before"),
            meter(trained, 1, Html.percent(trained), "after"),
            "%s%d\u00a0±\u00a0%d"
                .formatted(
                    trained < untrained ? "−" : "+",
                    Math.round(Math.abs(trained - untrained) * 100),
                    Math.round(gainError * 100)));
  }

  private static String meter(double value, double of, String text, String style) {
    return String.format(
        Locale.ROOT,
        "<span class=\"value\">%s</span><span class=\"meter %s\"><i style=\"width:%.1f%%\"></i></span>",
        text,
        style,
        100 * value / of);
  }

  private String images() throws IOException {
    StringBuilder figures = new StringBuilder();
    for (Example example : data.examples()) {
      figures.append(ImagePanels.figure(example));
    }
    return """
        <section>
        <h2>Images, masks and codes</h2>
        <p>First the image as the tokenizer sees it, then as the masked image model sees it, then \
        the code of each patch, one colour per code. The model has to predict the framed codes.</p>
        <div class="examples">
        %s</div>
        </section>
        """
        .formatted(figures);
  }

  private String curves() {
    StringBuilder stages = new StringBuilder();
    for (Stage stage : data.stages()) {
      stages
          .append("<h3>" + Html.escape(stage.name()) + "</h3>\n")
          .append("<p>" + Html.escape(stage.about()) + "</p>\n<div class=\"charts\">\n");
      for (Chart chart : stage.charts()) {
        stages.append(LineChart.figure(chart));
      }
      stages.append("</div>\n");
    }
    return "<section>\n<h2>Training</h2>\n" + stages + "</section>\n";
  }

  private String codes() {
    CodeUsage usage = data.codes();
    return """
        <section>
        <h2>Codebook usage</h2>
        <p>%s of the %s codes are in use, counted over %s patches. The perplexity is %s: as many \
        codes, used equally often, would have the same entropy. A collapsed codebook would show a \
        few tall bars.</p>
        <div class="charts">
        %s%s</div>
        </section>
        """
        .formatted(
            Html.number(usage.inUse()),
            Html.number(usage.codebookSize()),
            Html.number((double) usage.total()),
            Html.number(usage.perplexity()),
            UsageHistogram.byUse(usage),
            UsageHistogram.byNumber(usage));
  }

  private String run() {
    StringBuilder times = new StringBuilder();
    Map<String, Double> seconds = data.summary().seconds();
    double longest = seconds.values().stream().mapToDouble(s -> s).max().orElse(1);
    seconds.forEach(
        (stage, took) -> {
          String text = Progress.span(Duration.ofMillis(Math.round(took * 1e3)));
          times.append(
              "<tr><th scope=\"row\">%s<td>%s</tr>\n"
                  .formatted(Html.escape(stage), meter(took, longest, text, "after")));
        });
    StringBuilder facts = new StringBuilder();
    data.facts()
        .forEach(
            (name, value) ->
                facts.append(
                    "<tr><th scope=\"row\">%s<td>%s</tr>\n"
                        .formatted(Html.escape(name), Html.escape(value))));
    return """
        <section>
        <h2>This run</h2>
        <div class="charts">
        <div class="wide"><table>
        <caption>Time per stage</caption>
        %s<tr><th scope="row">total<td>%s</tr>
        <tr><th scope="row">peak memory<td>%s MiB</tr>
        </table></div>
        <div class="wide"><table class="facts">
        <caption>Facts</caption>
        %s</table></div>
        </div>
        <p class="note">Every number on this page was measured in this run.</p>
        </section>
        """
        .formatted(
            times,
            Progress.span(total()),
            Html.number((double) data.summary().peakResidentMegabytes()),
            facts);
  }
}
