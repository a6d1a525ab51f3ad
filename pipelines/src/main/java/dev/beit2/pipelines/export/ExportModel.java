package dev.beit2.pipelines.export;

import static java.nio.file.StandardOpenOption.DELETE_ON_CLOSE;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.Json;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.export.Export;
import dev.beit2.model.export.ExportFormat;
import dev.beit2.model.export.ExportedFile;
import dev.beit2.model.export.SourceModel;
import dev.beit2.model.official.OfficialFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Option;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.OutputFolder;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/** Writes a checkpoint as a file or a folder that other tools load. */
public final class ExportModel {
  static final String NAME = "export";

  /** Lists the files of an export while they are written. */
  private static final String BEGUN = ".export.json";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "checkpoint -> timm, transformers, PyTorch, ONNX",
          "Writes the network of a checkpoint, or of a file of the official code, for another tool, in float32 and with a model card. See docs/export.md.",
          Options.class,
          options -> {
            run(options);
            return CommandLine.OK;
          });

  private ExportModel() {}

  /** The options of {@code ./beit2 export}. */
  public interface Options extends PipelineOptions {
    @Description(
        "The network: a run of ./beit2 pretrain or ./beit2 train-tokenizer, one of its checkpoints, or a file: "
            + "model.safetensors, or a .pth of the official code.")
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
    StoredFile source = Inputs.modelFile("--checkpoint", options.getCheckpoint());
    try (SeekableByteChannel file = open(options, source)) {
      SourceModel model = read(options, source, file);
      requireFormat(options, model);
      Export export = export(options, model);
      String card = ModelCard.of(options, source, checkpoint(options, source), model, export);
      try (Hold held = OutputFolder.hold(options.getOutput())) {
        write(options.getOutput(), export.files(), card);
      }
    }
  }

  /** The checkpoint whose model is exported; empty if a file was given. */
  private static Optional<Checkpoint> checkpoint(Options options, StoredFile source)
      throws IOException {
    boolean isFile = source.path().equals(StoredFile.withoutLastSlash(options.getCheckpoint()));
    return isFile
        ? Optional.empty()
        : Optional.of(RunDirectory.locate("--checkpoint", options.getCheckpoint()));
  }

  /** Opens the {@code model.safetensors} that the file is, or a temporary one that it becomes. */
  private static SeekableByteChannel open(Options options, StoredFile source) throws IOException {
    SeekableByteChannel file = source.openSeekable();
    try {
      ReadableByteChannel model = OfficialFile.asSafetensors(file);
      if (model == file) {
        return file;
      }
      try (model) {
        return copy(model);
      }
    } catch (IOException | RuntimeException e) {
      file.close();
      throw unusable(options, source, e);
    }
  }

  private static SeekableByteChannel copy(ReadableByteChannel model) throws IOException {
    Path file = Files.createTempFile("beit2-export-", ".safetensors");
    FileChannel copy = FileChannel.open(file, READ, WRITE, DELETE_ON_CLOSE);
    try {
      ByteBuffer chunk = ByteBuffer.allocate(1 << 16);
      while (model.read(chunk.clear()) >= 0) {
        chunk.flip();
        while (chunk.hasRemaining()) {
          copy.write(chunk);
        }
      }
      return copy.position(0);
    } catch (IOException | RuntimeException e) {
      copy.close();
      throw e;
    }
  }

  private static SourceModel read(Options options, StoredFile source, SeekableByteChannel file) {
    try {
      return SourceModel.open(file);
    } catch (IOException | IllegalArgumentException e) {
      throw unusable(options, source, e);
    }
  }

  private static InvalidOptionException unusable(
      Options options, StoredFile source, Exception why) {
    return new InvalidOptionException(
        "--checkpoint=" + options.getCheckpoint(),
        source.path() + " (" + why.getMessage() + ")",
        "a checkpoint that this command can use");
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

  /**
   * Writes the files. The card comes last: without it an export is not complete, and the next start
   * deletes what {@link #BEGUN} lists.
   */
  private static void write(String output, List<ExportedFile> files, String card)
      throws IOException {
    StoredFile cardFile = StoredFile.in(output, ModelCard.FILE);
    StoredFile begun = StoredFile.in(output, BEGUN);
    if (!cardFile.exists()) {
      deleteUnfinished(output, begun);
    }
    List<String> found =
        InputFiles.below(output).files().stream()
            .map(InputFile::name)
            .filter(name -> !InputFiles.isHidden(name))
            .toList();
    if (cardFile.exists() && cardFile.readText().equals(card)) {
      begun.deleteIfExists();
      System.out.println("already exported to " + output);
      return;
    }
    if (!found.isEmpty()) {
      throw new InvalidOptionException(
          "--output=" + output,
          "files there: " + found.stream().limit(5).collect(Collectors.joining(", ")),
          "an empty folder, or one that does not exist");
    }
    begun.write(Json.line(files.stream().map(ExportedFile::name).toList()));
    for (ExportedFile file : files) {
      StoredFile.in(output, file.name()).write(file.content()::write);
    }
    cardFile.write(card);
    begun.deleteIfExists();
    System.out.println("exported to " + output);
  }

  /** Deletes what a start that was killed has left. */
  private static void deleteUnfinished(String output, StoredFile begun) throws IOException {
    StoredFile.deleteTemporaryFiles(output, BEGUN);
    if (!begun.exists()) {
      return;
    }
    StoredFile.deleteTemporaryFiles(output, ModelCard.FILE);
    for (String name : begunFiles(output, begun)) {
      StoredFile.deleteTemporaryFiles(output, name);
      StoredFile.in(output, name).deleteIfExists();
    }
    begun.deleteIfExists();
  }

  private static List<String> begunFiles(String output, StoredFile begun) throws IOException {
    try {
      List<String> names = List.of(Json.read(begun.readText(), String[].class));
      if (names.stream().allMatch(name -> name.matches("\\w[\\w.-]*"))) {
        return names;
      }
    } catch (JsonProcessingException e) {
      // Refused below.
    }
    throw new InvalidOptionException(
        "--output=" + output, BEGUN + " that no export has written", "another folder");
  }
}
