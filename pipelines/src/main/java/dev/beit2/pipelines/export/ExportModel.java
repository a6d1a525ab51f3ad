package dev.beit2.pipelines.export;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.export.Export;
import dev.beit2.model.export.ExportFormat;
import dev.beit2.model.export.ExportedFile;
import dev.beit2.model.export.SourceModel;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Option;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.util.List;
import java.util.stream.Collectors;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/** Writes a checkpoint as a file or a folder that other tools load. */
public final class ExportModel {
  static final String NAME = "export";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "checkpoint -> timm, transformers, PyTorch, ONNX",
          "Writes the network of a checkpoint for another tool, in float32 and with a model card. See docs/export.md.",
          Options.class,
          options -> {
            run(options);
            return CommandLine.OK;
          });

  private ExportModel() {}

  /** The options of {@code ./beit2 export}. */
  public interface Options extends PipelineOptions {
    @Description(
        "The network: a run of ./beit2 pretrain or ./beit2 train-tokenizer, or one of its checkpoints.")
    @Validation.Required
    String getCheckpoint();

    void setCheckpoint(String checkpoint);

    @Description(
        "timm: its BEiT, for features. transformers: BeitModel, for features. transformers-mim: "
            + "BeitForMaskedImageModeling, with the head that predicts codes. official: a .pth file with the whole state "
            + "dict. safetensors: the same as safetensors. onnx: a graph from images to features. A tokenizer goes to "
            + "official and safetensors.")
    @Validation.Required
    ExportFormat getTo();

    void setTo(ExportFormat to);

    @Description("Folder for the export, without files so far.")
    @Validation.Required
    String getOutput();

    void setOutput(String output);

    @Description(
        "Folder of ./beit2 evaluate with the accuracy of this checkpoint, for the model card. Left out: the card has no "
            + "accuracy.")
    String getEvaluation();

    void setEvaluation(String evaluation);
  }

  /** {@code ./beit2 export}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Exports the checkpoint.
   *
   * @throws InvalidOptionException if it cannot be exported, or the folder is another's
   */
  static void run(Options options) throws IOException {
    RunConfig.requirePlainPath("--output=" + options.getOutput(), options.getOutput());
    Checkpoint checkpoint = RunDirectory.locate("--checkpoint", options.getCheckpoint());
    try (SeekableByteChannel file = checkpoint.model().openSeekable()) {
      SourceModel model = open(options, checkpoint, file);
      requireFormat(options, model);
      Export export = export(options, model);
      String card = ModelCard.of(options, checkpoint, model, export);
      try (Hold held = OutputFolder.hold(options.getOutput())) {
        write(options.getOutput(), export.files(), card);
      }
    }
  }

  private static SourceModel open(
      Options options, Checkpoint checkpoint, SeekableByteChannel file) {
    try {
      return SourceModel.open(file);
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          "--checkpoint=" + options.getCheckpoint(),
          checkpoint.model().path() + " (" + e.getMessage() + ")",
          "a checkpoint that this command can use");
    }
  }

  private static void requireFormat(Options options, SourceModel model) {
    List<ExportFormat> formats = ExportFormat.of(model.kind());
    if (!formats.contains(options.getTo())) {
      throw new InvalidOptionException(
          "--to=" + Option.text(options.getTo()),
          model.kind().title() + " in --checkpoint=" + options.getCheckpoint(),
          formats.stream().map(Option::text).collect(Collectors.joining(", ", "one of ", "")));
    }
  }

  private static Export export(Options options, SourceModel model) {
    try {
      return options.getTo().export(model, EncodedImage.shorterSide(model.imageSize()));
    } catch (IOException e) {
      throw new InvalidOptionException(
          "--to=" + Option.text(options.getTo()),
          "a network in --checkpoint=%s that it cannot express (%s)"
              .formatted(options.getCheckpoint(), e.getMessage()),
          "another network, or another format");
    }
  }

  /** The card comes last: without it an export is not complete. */
  private static void write(String output, List<ExportedFile> files, String card)
      throws IOException {
    StoredFile cardFile = StoredFile.in(output, ModelCard.FILE);
    for (ExportedFile file : files) {
      StoredFile.deleteTemporaryFiles(output, file.name()); // left by a start that was killed here
    }
    List<String> found =
        InputFiles.below(output).files().stream()
            .map(InputFile::name)
            .filter(name -> !InputFiles.isHidden(name))
            .toList();
    if (cardFile.exists() && cardFile.readText().equals(card)) {
      System.out.println("already exported to " + output);
      return;
    }
    if (!found.isEmpty()) {
      throw new InvalidOptionException(
          "--output=" + output,
          "files there: " + found.stream().limit(5).collect(Collectors.joining(", ")),
          "an empty folder, or one that does not exist");
    }
    for (ExportedFile file : files) {
      StoredFile.in(output, file.name()).write(file.content()::write);
    }
    cardFile.write(card);
    System.out.println("exported to " + output);
  }
}
