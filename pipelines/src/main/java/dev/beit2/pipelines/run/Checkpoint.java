package dev.beit2.pipelines.run;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import javax.annotation.Nullable;

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
   * @throws IOException if the checkpoint has no such file; of an object this shows when it is read
   */
  public ReadableByteChannel open(String file) throws IOException {
    return StoredFile.in(directory, file).open();
  }

  /** The file of its model. */
  public StoredFile model() {
    return StoredFile.in(directory, MODEL);
  }

  /**
   * What {@code state.json} says.
   *
   * @throws IOException if the file cannot be read
   * @throws InvalidInputException if it is not the state of this step
   */
  public CheckpointState state() throws IOException {
    try {
      CheckpointState state = CheckpointState.parse(StoredFile.in(directory, STATE).readText());
      if (state.step() != step) {
        throw invalid("step is " + state.step(), null);
      }
      return state;
    } catch (JsonProcessingException e) {
      throw invalid(Json.reason(e), e);
    }
  }

  InvalidInputException invalid(String why, @Nullable Exception cause) {
    return new InvalidInputException(
        "%s/%s, which is no state of step %d (%s)".formatted(directory, STATE, step, why),
        "a sound one; without the folder %s the run goes on from an earlier checkpoint"
            .formatted(directory),
        cause);
  }
}
