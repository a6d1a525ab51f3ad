package dev.beit2.pipelines;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.Files;

/** What options name, read; where it is not what it has to be, the error names the option. */
final class Inputs {
  private Inputs() {}

  /** Reads a model from an open file. */
  interface ModelReader<M> {
    M read(ReadableByteChannel in) throws IOException;
  }

  static ImageFolder images(String option, String path) {
    requireLocalRoot(option, path);
    try {
      return ImageFolder.list(path);
    } catch (InvalidInputException e) {
      throw named(option, path, e);
    }
  }

  /**
   * Beam looks for what matches below a missing local folder from the nearest parent on: the whole
   * disk, at worst.
   */
  private static void requireLocalRoot(String option, String path) {
    String root = path.replaceFirst("[^/]*[*?\\[{].*", "");
    if (!root.isEmpty()
        && new StoredFile(StoredFile.withoutLastSlash(root))
            .localPath()
            .map(local -> !Files.exists(local))
            .orElse(false)) {
      throw new InvalidOptionException(
          option + "=" + path,
          "nothing at " + root,
          "images in a folder, in one folder a class, or by a glob");
    }
  }

  static ShardManifest shards(String option, String path) {
    try {
      return ShardManifest.read(path);
    } catch (InvalidInputException e) {
      throw named(option, path, e);
    }
  }

  /**
   * Reads the model of the checkpoint that an option names.
   *
   * @throws InvalidOptionException if there is no checkpoint, or it holds another kind of model
   */
  static <M> M model(String option, String path, ModelReader<M> reader) throws IOException {
    Checkpoint checkpoint = RunDirectory.locate(option, path);
    try (ReadableByteChannel in = checkpoint.open(TrainingLoop.MODEL)) {
      return reader.read(in);
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          option + "=" + path,
          checkpoint.directory() + "/" + TrainingLoop.MODEL + " (" + e.getMessage() + ")",
          "a checkpoint that this command can use");
    }
  }

  static InvalidOptionException named(String option, String path, InvalidInputException e) {
    return new InvalidOptionException(option + "=" + path, e.found(), e.wanted());
  }
}
