package dev.beit2.pipelines.mim;

import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.train.InitialValues;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;

/**
 * The model whose parameters a run begins with.
 *
 * @param file its path
 * @param digest SHA-256 of the {@code model.safetensors} that it is or becomes
 * @param description what the run takes of it, for people
 */
record InitialModel(String file, String digest, String description) implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String OPTION = "--initializeFrom";

  /**
   * Reads the model and checks all that is taken.
   *
   * @param path as the option has it
   * @throws InvalidOptionException if there is no model, or it does not fit the network
   */
  static InitialModel read(String path, MimConfig network) throws IOException {
    String file = Inputs.modelFile(OPTION, path).path();
    return Inputs.model(
        OPTION,
        file,
        in -> {
          Sha256Channel measured = new Sha256Channel(in);
          InitialValues values = InitialValues.check(network, measured);
          return new InitialModel(file, measured.digest(), values.description());
        });
  }

  /**
   * Replaces initial values by those of the model.
   *
   * @throws InvalidOptionException if the model has changed since the run was planned
   */
  void initialize(MimTrainer trainer) throws IOException {
    String found = Inputs.model(OPTION, file, trainer::initializeFrom);
    if (!found.equals(digest)) {
      throw new InvalidOptionException(
          OPTION + "=" + file, "digest " + found, digest + ", as when the run was planned");
    }
  }
}
