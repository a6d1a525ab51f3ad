package dev.beit2.pipelines.status;

import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Positional;
import dev.beit2.pipelines.finetune.FineTuneClassifier;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.io.PrintStream;
import java.time.Clock;
import java.util.Map;
import java.util.Set;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/** Reports the progress of a training run, from its folder alone. */
public final class Status {
  static final String NAME = "status";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "progress of a training run",
          "Reports the progress of a run of train-tokenizer, pretrain or finetune, from its folder alone: step, losses, speed, time"
              + " left, last checkpoint, and whether it is complete, has stopped, or seems to be dead.",
          Options.class,
          options -> run(options, System.out, Clock.systemUTC()));

  private static final Set<String> TRAININGS =
      Set.of(TrainTokenizer.NAME, PretrainMim.NAME, FineTuneClassifier.NAME);
  private static final Set<String> COUNTS = Set.of("steps", "batchSize");
  private static final String WANTED =
      "the folder of a run of train-tokenizer, pretrain or finetune";

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
    Map<String, String> config = config("--run=" + options.getRun(), run);
    new RunStatus(run, config, clock.instant()).print(out);
    return CommandLine.OK;
  }

  private static Map<String, String> config(String option, String run) throws IOException {
    RunConfig.requirePlainPath(option, run);
    Map<String, String> config =
        RunConfig.read(option, run)
            .orElseThrow(
                () -> new InvalidOptionException(option, "no " + RunConfig.FILE + " in it", WANTED))
            .values();
    String command = config.get(RunConfig.COMMAND);
    if (command == null || !TRAININGS.contains(command)) {
      throw new InvalidOptionException(option, "the folder of " + command, WANTED);
    }
    for (String number : COUNTS) {
      if (!config.getOrDefault(number, "1").matches("[1-9]\\d{0,17}")) {
        throw new InvalidOptionException(
            option, "a " + RunConfig.FILE + " with " + number + " " + config.get(number), WANTED);
      }
    }
    return config;
  }
}
