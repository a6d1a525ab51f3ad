package dev.beit2.pipelines.report;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.Json;
import dev.beit2.io.PlainText;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.html.Html;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * Runs side by side, as {@code report.html}, {@code report.md} and {@code report.json}.
 *
 * @param title of the page
 * @param runs in order
 */
public record Comparison(String title, List<Run> runs) {
  private static final String MISSING = "–";

  /**
   * What is known of a run: the columns of the table.
   *
   * @param name at the head of its column
   * @param facts by name, in groups in their order; a fact that a run lacks is left empty
   */
  public record Run(String name, Map<String, Map<String, Fact>> facts) {
    public Run {
      requireNonNull(name, "name is null");
    }
  }

  /**
   * A fact about a run.
   *
   * @param text for people
   * @param value for programs: a number or a text
   * @param error half of an interval around the number, or null
   */
  public record Fact(String text, Object value, @Nullable Double error) {
    /** A fact that is its text. */
    public static Fact of(String text) {
      return new Fact(text, text, null);
    }

    /**
     * An accuracy, which people read in percent.
     *
     * @param value 0 to 1
     * @param error half of an interval around it, or null
     */
    public static Fact ofAccuracy(double value, @Nullable Double error) {
      String percent = String.format(Locale.ROOT, "%.1f %%", 100 * value);
      String around = error == null ? "" : String.format(Locale.ROOT, " ± %.1f", 100 * error);
      return new Fact(percent + around, value, error);
    }
  }

  public Comparison {
    requireNonNull(title, "title is null");
    runs = List.copyOf(runs);
  }

  /** Writes the three files to a folder. */
  public void write(String directory) throws IOException {
    StoredFile.in(directory, "report.html").write(html());
    StoredFile.in(directory, "report.md").write(markdown());
    StoredFile.in(directory, "report.json").write(json());
  }

  /** The names of the facts that a run has, by group, in the order in which runs name them. */
  private Map<String, Set<String>> rows() {
    Map<String, Set<String>> rows = new LinkedHashMap<>();
    for (Run run : runs) {
      run.facts()
          .forEach(
              (group, facts) ->
                  rows.computeIfAbsent(group, g -> new LinkedHashSet<>()).addAll(facts.keySet()));
    }
    rows.values().removeIf(Set::isEmpty);
    return rows;
  }

  private static String text(Run run, String group, String name) {
    Fact fact = run.facts().getOrDefault(group, Map.of()).get(name);
    return fact == null ? MISSING : fact.text();
  }

  /** The table in Markdown. */
  public String markdown() {
    StringBuilder text = new StringBuilder("# " + cell(title) + "\n");
    rows()
        .forEach(
            (group, names) -> {
              text.append("\n| ").append(cell(group)).append(" |");
              runs.forEach(run -> text.append(' ').append(cell(run.name())).append(" |"));
              text.append("\n|---|").append("---|".repeat(runs.size())).append('\n');
              for (String name : names) {
                text.append("| ").append(cell(name)).append(" |");
                for (Run run : runs) {
                  text.append(' ').append(cell(text(run, group, name))).append(" |");
                }
                text.append('\n');
              }
            });
    return text.toString();
  }

  /** Text from a file, as a cell of a table. */
  private static String cell(String value) {
    return PlainText.of(value).replace("\\", "\\\\").replaceAll("[|`<>*_\\[\\]]", "\\\\$0");
  }

  String html() throws IOException {
    StringBuilder text = new StringBuilder(Html.head(title));
    text.append("<header><h1>%s</h1></header>\n".formatted(Html.escape(title)));
    rows()
        .forEach(
            (group, names) -> {
              text.append(
                  "<section class=\"wide\"><table>\n<caption>%s</caption>\n<thead><tr><th>"
                      .formatted(Html.escape(group)));
              runs.forEach(
                  run -> text.append("<th scope=\"col\">%s".formatted(Html.escape(run.name()))));
              text.append("</tr></thead>\n<tbody>\n");
              for (String name : names) {
                text.append("<tr><th scope=\"row\">%s".formatted(Html.escape(name)));
                for (Run run : runs) {
                  text.append("<td>%s".formatted(Html.escape(text(run, group, name))));
                }
                text.append("</tr>\n");
              }
              text.append("</tbody>\n</table></section>\n");
            });
    return text.append("</main>\n</html>\n").toString();
  }

  private String json() {
    List<Object> columns = new ArrayList<>();
    for (Run run : runs) {
      Map<String, Object> column = new LinkedHashMap<>();
      column.put("run", run.name());
      run.facts()
          .forEach(
              (group, facts) -> {
                Map<String, Object> values = new LinkedHashMap<>();
                facts.forEach(
                    (name, fact) -> {
                      values.put(name, fact.value());
                      if (fact.error() != null) {
                        values.put(name + " ±", fact.error());
                      }
                    });
                column.put(group, values);
              });
      columns.add(column);
    }
    return Json.pretty(columns);
  }
}
