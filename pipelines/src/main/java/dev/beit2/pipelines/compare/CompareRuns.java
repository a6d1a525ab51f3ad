package dev.beit2.pipelines.compare;

import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Positional;
import dev.beit2.pipelines.report.Comparison;
import dev.beit2.pipelines.run.RunConfig;
import java.io.IOException;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/** One table of several runs, from their folders alone. */
public final class CompareRuns {
  static final String NAME = "report";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "several runs side by side",
          "Puts runs side by side: recipe, losses, codebook usage, accuracies of k-NN, linear probe and fine-tuning, speed. "
              + "It reads only what the runs have written.",
          Options.class,
          options -> {
            print(run(options), options.getOutput(), System.out);
            return CommandLine.OK;
          });

  private CompareRuns() {}

  /** The options of {@code ./beit2 report}. */
  public interface Options extends PipelineOptions {
    @Description(
        "Folders of runs (train-tokenizer, pretrain and other trainings), evaluate and linear-probe. What was measured of a "
            + "run that is given as well goes into its column.")
    @Positional(several = true)
    @Validation.Required
    String getRun();

    void setRun(String run);

    @Description(
        "Folder for report.html, report.md and report.json. Left out: the table is only printed.")
    String getOutput();

    void setOutput(String output);
  }

  /** {@code ./beit2 report}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Reads the runs, and writes the table if there is a folder for it.
   *
   * @throws InvalidOptionException if a folder holds no run and no measure
   */
  static Comparison run(Options options) throws IOException {
    List<RunFacts> columns = new ArrayList<>();
    List<MeasureFacts> measures = new ArrayList<>();
    for (String given : options.getRun().split("\n")) {
      String folder = StoredFile.withoutLastSlash(given);
      RunConfig.requirePlainPath(given, folder);
      Optional<MeasureFacts> measure = MeasureFacts.read(folder);
      measure.ifPresent(measures::add);
      if (measure.isEmpty()) {
        columns.add(RunFacts.read(folder));
      }
    }
    for (MeasureFacts measure : measures) {
      columns.stream()
          .filter(column -> measure.isOf(column.folder()))
          .findFirst()
          .orElseGet(
              () -> {
                RunFacts column = RunFacts.measured(measure.backbone());
                columns.add(column);
                return column;
              })
          .add(measure);
    }
    Comparison table =
        new Comparison("Runs side by side", columns.stream().map(RunFacts::toRun).toList());
    if (options.getOutput() != null) {
      table.write(options.getOutput());
    }
    return table;
  }

  private static void print(Comparison table, String output, PrintStream out) {
    out.print(table.markdown());
    if (output != null) {
      out.printf("%nwritten to %s/report.html, report.md and report.json%n", output);
    }
  }
}
