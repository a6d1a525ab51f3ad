package dev.beit2.pipelines;

import dev.beit2.pipelines.bench.Bench;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Suggestions;
import dev.beit2.pipelines.cluster.Cluster;
import dev.beit2.pipelines.compare.CompareRuns;
import dev.beit2.pipelines.demo.Demo;
import dev.beit2.pipelines.doctor.Doctor;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.ExtractFeatures;
import dev.beit2.pipelines.eval.LinearProbing;
import dev.beit2.pipelines.export.ExportModel;
import dev.beit2.pipelines.finetune.FineTuneClassifier;
import dev.beit2.pipelines.generate.GenerateImages;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.segment.TrainSegmenter;
import dev.beit2.pipelines.status.Status;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.tokenize.VerifyShards;
import dev.beit2.pipelines.vqkd.CodebookCheck;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.PrintStream;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * {@code ./beit2 COMMAND}: the list of the commands, and the way to each of them. Each command also
 * has a {@code main} of its own, for {@code flink run} and for templates.
 */
public final class Beit2 {
  /** The commands in the order in which help lists them. */
  public static final List<Command<?>> COMMANDS =
      List.of(
          Demo.COMMAND,
          TrainTokenizer.COMMAND,
          CodebookCheck.COMMAND,
          TokenizeDataset.COMMAND,
          PretrainMim.COMMAND,
          FineTuneClassifier.COMMAND,
          TrainSegmenter.COMMAND,
          Status.COMMAND,
          ExtractFeatures.COMMAND,
          Evaluate.COMMAND,
          LinearProbing.COMMAND,
          CompareRuns.COMMAND,
          ExportModel.COMMAND,
          VerifyShards.COMMAND,
          GenerateImages.COMMAND,
          Bench.COMMAND,
          Cluster.COMMAND,
          Doctor.COMMAND);

  private Beit2() {}

  /** {@code ./beit2}: the name of a command, then its arguments. */
  public static void main(String[] args) {
    CommandLine.main(() -> run(args, System.out, System.err));
  }

  static int run(String[] args, PrintStream out, PrintStream err) {
    String name = args.length == 0 ? "help" : args[0];
    if (List.of("help", "--help", "-h").contains(name)) {
      out.print(help());
      return CommandLine.OK;
    }
    if (name.equals("--version")) {
      String version = Beit2.class.getPackage().getImplementationVersion();
      out.println("beit2-beam " + (version == null ? "(not a release)" : version));
      return CommandLine.OK;
    }
    Optional<Command<?>> command =
        COMMANDS.stream().filter(known -> known.name().equals(name)).findFirst();
    if (command.isEmpty()) {
      List<String> names = COMMANDS.stream().map(Command::name).toList();
      err.println(
          "beit2: found the command %s; wanted %s or help%s"
              .formatted(
                  name,
                  String.join(", ", names),
                  Suggestions.closest(name, names)
                      .map(similar -> "; did you mean " + similar + "?")
                      .orElse("")));
      return CommandLine.INVALID;
    }
    return CommandLine.run(command.get(), Arrays.copyOfRange(args, 1, args.length), out, err);
  }

  private static String help() {
    StringBuilder text = new StringBuilder("./beit2 COMMAND [--option=value ...]\n\n");
    for (Command<?> command : COMMANDS) {
      text.append("  %-16s %s%n".formatted(command.name(), command.summary()));
    }
    return text.append("\n./beit2 COMMAND --help lists a command's options.\n").toString();
  }
}
