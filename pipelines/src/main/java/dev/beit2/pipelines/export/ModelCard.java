package dev.beit2.pipelines.export;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.PlainText;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.eval.Network;
import dev.beit2.model.export.Export;
import dev.beit2.model.export.SourceModel;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Option;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunConfig;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The model card: what the files of a run say of its network, and nothing else. The same files give
 * the same text.
 */
final class ModelCard {
  static final String FILE = "README.md";

  private static final int RECENT_STEPS = 2000;

  private final ExportModel.Options options;
  private final SourceModel model;
  private final StringBuilder text = new StringBuilder();

  private ModelCard(ExportModel.Options options, SourceModel model) {
    this.options = options;
    this.model = model;
  }

  /**
   * Writes the card.
   *
   * @param source the model's file
   * @param checkpoint the checkpoint that the file is part of, if it is one of a run
   * @throws InvalidOptionException if the evaluation is none, or that of another checkpoint
   */
  static String of(
      ExportModel.Options options,
      StoredFile source,
      Optional<Checkpoint> checkpoint,
      SourceModel model,
      Export export)
      throws IOException {
    ModelCard card = new ModelCard(options, model);
    card.use(export);
    card.network(export);
    if (checkpoint.isPresent()) {
      card.run(checkpoint.get());
    } else {
      card.add(
          "\n## Training\nThe network was in the file %s, which does not say how it was trained.\n",
          cell(source.path().substring(source.path().lastIndexOf('/') + 1)));
    }
    if (options.getEvaluation() != null) {
      card.accuracy(checkpoint.map(Checkpoint::directory).orElse(source.path()));
    }
    return card.text.toString();
  }

  private void run(Checkpoint checkpoint) throws IOException {
    String run = checkpoint.directory().replaceFirst("/?checkpoints/[^/]*$", "");
    training(checkpoint, run);
    if (model.kind() == Network.Kind.VQKD) {
      codebook(checkpoint, run);
    }
  }

  private void use(Export export) {
    add(
        """
        ---
        library_name: %1$s
        tags:
        - beit-v2
        ---
        # BEiT v2: %2$s

        Written by `./beit2 export --to=%3$s`. In what follows `DIR` is this folder.

        ```python
        %4$s```
        """,
        export.library(), model.kind().title(), Option.text(options.getTo()), export.usage());
  }

  private void network(Export export) {
    int side = model.imageSize();
    add(
        """

        ## Network
        Images: RGB, the shorter side resized to %1$d pixels (bicubic), the central %2$d × %2$d pixels, %3$s.%7$s
        The checkpoint has %4$,d numbers in float32, those that only its training needs included:

        ```json
        %5$s```

        SHA-256 of the `model.safetensors` that the checkpoint is or becomes: `%6$s`
        """,
        EncodedImage.shorterSide(side),
        side,
        export.input(),
        model.parameters(),
        Json.pretty(model.config()),
        model.digest(),
        model
            .greyRange()
            .map(
                range ->
                    format(
                        " Of grey images of 16 bits, the values %s have become black to white.",
                        cell(range)))
            .orElse(""));
  }

  private void training(Checkpoint checkpoint, String run) throws IOException {
    CheckpointState state = checkpoint.state();
    add("\n## Training\nOptimizer steps: %d.", state.step());
    if (state.images() != null) {
      add(" Images seen, repetitions included: %,d.", state.images());
    }
    Optional<RunConfig> config = RunConfig.read("--checkpoint=" + options.getCheckpoint(), run);
    if (config.isEmpty()) {
      add(" The options are not known.\n");
      return;
    }
    shards(config.get().values().get("shards"));
    add(" The run's options, as they were given or by default:\n\n| option | value |\n|---|---|\n");
    config.get().values().forEach((name, value) -> add("| %s | %s |\n", cell(name), cell(value)));
  }

  /** What is now in the folder of shards of a pretraining, if they are still there. */
  private void shards(String folder) {
    if (folder == null) {
      return;
    }
    try {
      ShardManifest shards = ShardManifest.read(folder);
      add(
          " The folder of shards, when this card was written: %,d images, %d views of each, with codes of the tokenizer"
              + " `%s` (SHA-256).",
          shards.rows(), shards.views(), cell(shards.tokenizerDigest()));
    } catch (InvalidInputException e) {
      // They are gone, or on another machine; the card does without.
    }
  }

  private void codebook(Checkpoint checkpoint, String run) throws IOException {
    List<Map<String, Double>> steps =
        MetricsLog.readLast(run, 0, RECENT_STEPS).stream()
            .filter(step -> step.get(MetricsLog.STEP) <= checkpoint.step())
            .toList();
    String batch = usage(steps, "", "in the last batch");
    String validation = usage(steps, "validation_", "over all validation images");
    if (!(batch + validation).isEmpty()) {
      add("\n## Codebook\n%s%s", batch, validation);
    }
  }

  /** The last measurement of a kind in words; empty if there is none. */
  private static String usage(List<Map<String, Double>> steps, String prefix, String where) {
    for (int i = steps.size() - 1; i >= 0; i--) {
      Double codes = steps.get(i).get(prefix + "codes_in_use");
      Double perplexity = steps.get(i).get(prefix + "perplexity");
      if (codes != null && perplexity != null) {
        return format(
            "- %s, at step %.0f: %.0f codes in use, perplexity %.1f\n",
            where, steps.get(i).get(MetricsLog.STEP), codes, perplexity);
      }
    }
    return "";
  }

  private void accuracy(String backbone) throws IOException {
    Evaluation measured = evaluation(backbone);
    add(
        """

        ## Accuracy
        k-NN (k = %d, cosine, temperature %s) of %,d %s, %d classes:
        %s.
        """,
        measured.neighbours(),
        measured.temperature(),
        measured.validationImages(),
        format(
            Boolean.TRUE.equals(measured.leaveOneOut())
                ? "images, each by the %,d others"
                : "validation images by %,d training images",
            measured.trainImages()),
        measured.classes(),
        accuracies(measured));
  }

  private static String accuracies(Evaluation measured) {
    List<String> accuracies = new ArrayList<>();
    if (measured.cls() != null) {
      accuracies.add(format("%.4f with [CLS]", measured.cls()));
    }
    if (measured.mean() != null) {
      accuracies.add(format("%.4f with the mean of the patch features", measured.mean()));
    }
    return String.join(", ", accuracies);
  }

  private Evaluation evaluation(String backbone) throws IOException {
    String given = "--evaluation=" + options.getEvaluation();
    String wanted = "the folder of ./beit2 evaluate of " + backbone;
    RunConfig.requirePlainPath(given, options.getEvaluation());
    try {
      Evaluation measured = Evaluation.read(options.getEvaluation());
      if (place(measured.backbone()).equals(place(backbone))) {
        return measured;
      }
      throw new InvalidOptionException(given, "the accuracy of " + measured.backbone(), wanted);
    } catch (FileNotFoundException e) {
      throw new InvalidOptionException(given, "no evaluation.json", wanted);
    } catch (JsonProcessingException e) {
      throw new InvalidOptionException(
          given, "an evaluation.json that is none (" + Json.reason(e) + ")", wanted);
    }
  }

  /** A path that is the same however it was given. */
  private static String place(String path) {
    StoredFile file = new StoredFile(path);
    return file.localPath().map(Path::normalize).map(Path::toString).orElse(file.path());
  }

  /** Text from a file, as a cell of a table. */
  private static String cell(String value) {
    return PlainText.of(value).replace("\\", "\\\\").replaceAll("[|`<>*_\\[\\]]", "\\\\$0");
  }

  private void add(String format, Object... values) {
    text.append(format(format, values));
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
