package dev.beit2.pipelines.options;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.PlainText;
import dev.beit2.io.image.GreyRange;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.official.OfficialFile;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.LongStep;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import javax.annotation.Nullable;

/** Reads the inputs that options name. If an input cannot be used, the error names the option. */
public final class Inputs {
  private Inputs() {}

  /** Reads a model from an open file. */
  public interface ModelReader<M> {
    M read(ReadableByteChannel in) throws IOException;
  }

  /** Lists the images of a folder or a glob. */
  public static ImageFolder images(String option, String path) {
    return named(option, path, () -> LongStep.run("listing " + path, () -> ImageFolder.list(path)));
  }

  /** Locates a set of images; see {@code --format}. */
  public static ImageSource source(String option, String path, ImageSourceOptions options) {
    long maxImageBytes = DecodingOptions.limits(options).maxBytes();
    String found = FlinkTarget.of(options).path(path);
    return named(option, path, () -> ImageSource.parse(found, options.getFormat()))
        .withMaxImageBytes(maxImageBytes);
  }

  /** Summarizes a set of images without reading the images; fails if there is none. */
  public static ImageSource.Summary summary(String option, ImageSource source) {
    return named(
        option, source.path(), () -> LongStep.run("listing " + source.path(), source::summary));
  }

  /**
   * Prints what people should know of a set. That archives have no labels may be a mistake; folders
   * without classes are common.
   */
  public static void printNotes(String stage, ImageSource source, ImageSource.Summary images) {
    if (source.format() != ImageSource.Format.FOLDER) {
      printNote(stage, images.unlabelled());
    }
    printNote(stage, images.note());
  }

  /** Prints a note if there is one. */
  public static void printNote(String stage, @Nullable String note) {
    if (note != null) {
      System.err.printf("[%s] note: %s%n", stage, PlainText.of(note));
    }
  }

  /** Indexes all images of a set, for training. */
  public static ImageDataset dataset(String option, ImageSource source) throws IOException {
    return named(
        option,
        source.path(),
        () -> LongStep.run("indexing " + source.path(), () -> ImageDataset.open(source)));
  }

  /** Reads an input. */
  public interface Reading<T, E extends Exception> {
    T read() throws E;
  }

  /** Reads an input; an error names the option. */
  public static <T, E extends Exception> T named(String option, String path, Reading<T, E> input)
      throws E {
    try {
      return input.read();
    } catch (InvalidInputException e) {
      throw named(option, path, e);
    }
  }

  /** Reads the manifest of a folder of shards. */
  public static ShardManifest shards(String option, String path) {
    return named(
        option,
        path,
        () -> LongStep.run("reading the manifest of " + path, () -> ShardManifest.read(path)));
  }

  /** Reads the manifest of a folder of features. */
  public static FeatureManifest features(String option, String path) {
    return named(option, path, () -> FeatureManifest.read(path));
  }

  /**
   * The file of the model that an option names: a file itself, or that of the newest checkpoint of
   * a run, or of one of its checkpoints.
   *
   * @throws InvalidOptionException if there is none
   */
  public static StoredFile modelFile(String option, String path) throws IOException {
    RunConfig.requirePlainPath(option + "=" + path, path);
    StoredFile file = new StoredFile(StoredFile.withoutLastSlash(path));
    return file.exists() ? file : RunDirectory.locate(option, path).model();
  }

  /**
   * Reads the model that an option names; see {@link #modelFile}. A file of the official code is
   * read as the {@code model.safetensors} that it becomes.
   *
   * @throws InvalidOptionException if there is none, or it is another kind of model
   */
  public static <M> M model(String option, String path, ModelReader<M> reader) throws IOException {
    StoredFile file = modelFile(option, path);
    try (ReadableByteChannel in = OfficialFile.asSafetensors(file.openSeekable())) {
      return reader.read(in);
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          option + "=" + path,
          file.path() + " (" + e.getMessage() + ")",
          "a model that this command can use");
    }
  }

  /**
   * Reads a range of grey values.
   *
   * @param given where it comes from, for people
   * @throws InvalidOptionException if it is none
   */
  public static GreyRange greyRange(String given, String text) {
    try {
      return GreyRange.parse(text);
    } catch (IllegalArgumentException e) {
      throw new InvalidOptionException(
          given,
          PlainText.of(e.getMessage()),
          "MIN,MAX of 0 to %d, or minmax".formatted(GreyRange.LARGEST));
    }
  }

  /** SHA-256 of a file, as hexadecimal digits. */
  public static String digest(StoredFile file) throws IOException {
    ByteBuffer chunk = ByteBuffer.allocate(1 << 16);
    try (Sha256Channel in = new Sha256Channel(file.open())) {
      while (in.read(chunk.clear()) >= 0) {
        continue;
      }
      return in.digest();
    }
  }

  private static InvalidOptionException named(String option, String path, InvalidInputException e) {
    return new InvalidOptionException(option + "=" + path, e.found(), e.wanted());
  }
}
