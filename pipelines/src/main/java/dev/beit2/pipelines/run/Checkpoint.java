package dev.beit2.pipelines.run;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.store.StoredFile;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;

/**
 * A complete checkpoint of a run: a folder whose {@code state.json} was written last.
 *
 * @param step optimizer steps done when it was written
 * @param directory its path, without a last slash
 */
public record Checkpoint(long step, String directory) {
  public static final String STATE = "state.json";
  public static final String MODEL = "model.safetensors";

  /** The outer optimizer's momentum, if it has one. */
  public static final String OUTER = "outer.safetensors";

  public Checkpoint {
    requireNonNull(directory, "directory is null");
  }

  /** The name of the file with a worker's optimizer. */
  public static String optimizer(int worker) {
    return "optimizer-" + worker + ".safetensors";
  }

  /**
   * Opens one of its files, such as {@code model.safetensors}; the caller closes it.
   *
   * @throws FileNotFoundException if the checkpoint has no such file
   */
  public ReadableByteChannel open(String file) throws IOException {
    return StoredFile.in(directory, file).open();
  }

  /**
   * What {@code state.json} says.
   *
   * @throws IOException if the file cannot be read or is not a state
   */
  public CheckpointState state() throws IOException {
    return CheckpointState.parse(StoredFile.in(directory, STATE).readText());
  }
}
