package dev.beit2.templates;

import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.ExtractFeatures;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.util.Locale;

/** The Dataflow flex templates. Each is a command, whose class is the main class of its image. */
enum Template {
  TOKENIZE_DATASET(
      TokenizeDataset.class, TokenizeDataset.COMMAND, "BEiT v2: tokenize a data set", ""),
  EXTRACT_FEATURES(ExtractFeatures.class, ExtractFeatures.COMMAND, "BEiT v2: extract features", ""),
  EVALUATE(
      Evaluate.class,
      Evaluate.COMMAND,
      "BEiT v2: k-NN accuracy",
      " Its --train and --validation are folders that the template extract-features has written."),
  TRAIN_TOKENIZER(
      TrainTokenizer.class, TrainTokenizer.COMMAND, "BEiT v2: train a tokenizer", Texts.ROUNDS),
  PRETRAIN(PretrainMim.class, PretrainMim.COMMAND, "BEiT v2: pretrain", Texts.ROUNDS);

  private final Class<?> main;
  private final Command<?> command;
  private final String title;
  private final String note;

  Template(Class<?> main, Command<?> command, String title, String note) {
    this.main = main;
    this.command = command;
    this.title = title;
    this.note = note;
  }

  private static final class Texts {
    static final String ROUNDS =
        " A launch is one job of at most --roundsPerJob rounds, which goes on from the last checkpoint; launch the template"
            + " again until all steps are done.";
  }

  /** Its name, which is also that of its folder: {@code tokenize-dataset}. */
  String word() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The class whose {@code main} Google's launcher calls. */
  Class<?> main() {
    return main;
  }

  Command<?> command() {
    return command;
  }

  /** Its name for people. */
  String title() {
    return title;
  }

  /** What it does, for people. */
  String description() {
    return command.description() + note;
  }
}
