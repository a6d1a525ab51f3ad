package dev.beit2.pipelines.status;

import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Positional;
import dev.beit2.pipelines.finetune.FineTuneClassifier;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.segment.TrainSegmenter;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/**
 * Reports the progress of a training, or the state of another command's output, from its folder
 * alone.
 */
public final class Status {
  static final String NAME = "status";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "progress of a run",
          "Reports the progress of a run of train-tokenizer, pretrain, finetune or segment, from its folder alone: step, losses, speed, time"
              + " left, last checkpoint, and whether it is complete, has stopped, or seems to be dead. Of tokenize,"
              + " extract-features, evaluate and linear-probe it reports whether their output is complete.",
          Options.class,
          options -> run(options, System.out, Clock.systemUTC()));

  private static final Set<String> TRAININGS =
      Set.of(TrainTokenizer.NAME, PretrainMim.NAME, FineTuneClassifier.NAME, TrainSegmenter.NAME);
  private static final Set<String> COUNTS = Set.of("steps", "batchSize");
  private static final String WANTED =
      "the --output of train-tokenizer, tokenize, pretrain, finetune, segment, extract-features, evaluate or linear-probe";

  private Status() {}

  /** The options of {@code ./beit2 status}. */
  public interface Options extends PipelineOptions {
    @Description("Folder of the run.")
    @Positional
    @Validation.Required
    String getRun();

    void setRun(String run);
  }

  /** {@code ./beit2 status}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Prints the progress of the run.
   *
   * @throws InvalidOptionException if there is no run
   */
  static int run(Options options, PrintStream out, Clock clock) throws IOException {
    String run = StoredFile.withoutLastSlash(options.getRun());
    String option = "--run=" + options.getRun();
    RunConfig.requirePlainPath(option, run);
    Optional<Map<String, String>> config = RunConfig.read(option, run).map(RunConfig::values);
    Optional<String> command =
        config.isPresent()
            ? config.map(values -> values.get(RunConfig.COMMAND))
            : OutputStatus.commandOf(run);
    if (command.filter(OutputStatus::isOf).isPresent()) {
      OutputStatus.print(run, command.get(), out);
    } else {
      requireTraining(option, config);
      new RunStatus(run, config.get(), clock.instant()).print(out);
    }
    return CommandLine.OK;
  }

  private static void requireTraining(String option, Optional<Map<String, String>> config) {
    if (config.isEmpty()) {
      throw new InvalidOptionException(option, "no " + RunConfig.FILE + " in it", WANTED);
    }
    String command = config.get().get(RunConfig.COMMAND);
    if (command == null || !TRAININGS.contains(command)) {
      throw new InvalidOptionException(option, "the folder of " + command, WANTED);
    }
    for (String number : COUNTS) {
      if (!config.get().getOrDefault(number, "1").matches("[1-9]\\d{0,17}")) {
        throw new InvalidOptionException(
            option,
            "a " + RunConfig.FILE + " with " + number + " " + config.get().get(number),
            WANTED);
      }
    }
  }
}
